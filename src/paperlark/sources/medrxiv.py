"""medRxiv: preprints of medicine, by its JSON API. How it is polled and read is shared with bioRxiv (`_preprints`).

https://api.biorxiv.org/
"""

from typing import ClassVar

from paperlark.model.papers import Page
from paperlark.sources import _preprints
from paperlark.sources.base import Saved


class Medrxiv(_preprints.Preprints):
    """medRxiv, all of it or one category. Options: see `_preprints.Options`."""

    kind: ClassVar[str] = "medrxiv"


def looks_like(name: str, head: bytes) -> bool:
    """An answer of the API whose records are medRxiv's."""
    return _preprints.looks_like(head) == "medrxiv"


def parse_saved(saved: Saved) -> Page:
    """A saved answer of the API, of `details` or `pubs`. Raises SourceError when it is none."""
    return _preprints.parse(saved.body, kind=Medrxiv.kind, where=saved.name)
