"""Pictures of every page: `python -m tests.e2e.screenshots FOLDER`.

Each page in the light and in the dark theme as a desk shows it, once as a phone does, and the newest day as it is
printed; and `page.png`, 1,200 wide, which the README shows.
"""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, ViewportSize, sync_playwright

from tests.e2e.extension_browser import CHROMIUM
from tests.e2e.house import Addresses, House, house

DESK = ViewportSize(width=1200, height=900)
PHONE = ViewportSize(width=360, height=740)
README = "/?q=agent*+reinforcement"


def main(arguments: list[str]) -> int:
    """Exit status 2 where no folder is named, 1 where there is no browser."""
    if len(arguments) not in (1, 2):
        print("usage: python -m tests.e2e.screenshots FOLDER [PART OF AN ADDRESS]", file=sys.stderr)
        return 2
    if not Path(CHROMIUM).is_file():
        print("Chromium is not on this machine: install Debian's package chromium", file=sys.stderr)
        return 1
    folder, part = Path(arguments[0]), "".join(arguments[1:])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, house(Path(kept)) as standing, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        context = browser.new_context(base_url=standing.home, viewport=DESK)
        _everybody(context, standing, folder, part)
        context.add_cookies([{"name": "paperlark_session", "value": standing.cookie, "url": standing.home}])
        _shoot(context, standing.reader, folder, "reader", part)
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    return 0


def _everybody(context: BrowserContext, standing: House, folder: Path, part: str) -> None:
    _shoot(context, standing.everybody, folder, "page", part)
    page = context.new_page()
    page.goto(README)
    page.screenshot(path=folder / "page.png")
    page.goto("/")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})  # A4 at 96 dots an inch
    page.screenshot(path=folder / "printed.png")
    page.close()


def _shoot(context: BrowserContext, addresses: Addresses, folder: Path, prefix: str, part: str) -> None:
    page = context.new_page()
    for number, address in enumerate(address for several in addresses.values() for address in several):
        if part not in address:
            continue
        said = re.sub("[^a-z0-9]+", "-", re.sub("[0-9]{15,}|(?<=^/[cum]/).*", "", address.lower())).strip("-")
        name = f"{prefix}-{number:02}-{said or 'today'}"
        page.set_viewport_size(DESK)
        page.goto(address)
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / f"{name}-dark.png")
        page.emulate_media(color_scheme="light")
        page.screenshot(path=folder / f"{name}-light.png")
        page.set_viewport_size(PHONE)
        page.screenshot(path=folder / f"{name}-phone.png")
    page.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
