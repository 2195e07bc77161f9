"""bioRxiv: preprints of biology, by its JSON API. How it is polled and read is shared with medRxiv (`_preprints`).

https://api.biorxiv.org/
"""

from typing import ClassVar

from paperlark.model.papers import Page
from paperlark.sources import _preprints
from paperlark.sources.base import Saved


class Biorxiv(_preprints.Preprints):
    """bioRxiv, all of it or one category. Options: see `_preprints.Options`."""

    kind: ClassVar[str] = "biorxiv"


def looks_like(name: str, head: bytes) -> bool:
    """An answer of the API, whose records (if it has any) are bioRxiv's."""
    return _preprints.looks_like(head) in ("biorxiv", "")


def parse_saved(saved: Saved) -> Page:
    """A saved answer of the API, of `details` or `pubs`. Raises SourceError when it is none."""
    return _preprints.parse(saved.body, kind=Biorxiv.kind, where=saved.name)
