"""Programs that some tests drive, and that come from Debian's packages."""

import os
import shutil

import pytest


def needed(name: str, package: str) -> str:
    """Where a program is. A machine without it skips the test; CI installs what the tests need (`make browser`), and
    there a missing one is a failure: a skip would hide that nothing was tested."""
    found = shutil.which(name)
    if found is None:
        told = f"{name} is not on this machine: install Debian's package {package}"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return found
