"""Text where its reader may take it for HTML.

The RSS Profile says that titles are text, but some readers read HTML all the same, also in names of people. So behind
the first character of what HTML would take for a tag or an entity stands a word joiner (U+2060), which shows nothing:
it reads the same in either, and runs in neither.
"""

import re
from html import unescape
from html.entities import html5

JOINER = "\u2060"
_LIKE_HTML = re.compile(r"<(?=[A-Za-z/!?])|&(?P<name>#|[A-Za-z][A-Za-z0-9]*)")


def as_text(said: str) -> str:
    """Text that reads the same where it is taken for HTML."""
    return _LIKE_HTML.sub(_parted, said)


def _parted(found: re.Match[str]) -> str:
    name = found["name"]
    if name and name != "#" and f"{name};" not in html5 and unescape(found[0]) == found[0]:
        return found[0]  # such as R&D
    return f"{found[0][0]}{JOINER}{found[0][1:]}"
