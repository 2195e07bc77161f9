"""`python -m paperlark` is `paperlark`."""

from paperlark.cli import main

if __name__ == "__main__":
    main()
