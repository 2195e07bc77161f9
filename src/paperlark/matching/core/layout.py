"""The compiled format: what a core holds, as arrays of records. Both cores write and read it.

Numbers in it count records: a node's symbol is a place in `symbols`. Place 0 of symbols, nodes, endings, and of what
was added later stands for "none". Terms 0 and 1 are `ALWAYS`, which every paper has, and `NEVER`, which none has: they
fill up clauses.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

VERSION = 3
ALWAYS, NEVER = 0, 1
GUESS_WEIGHT = 16
"""Papers that a guess of a term's rarity is worth."""

LETTERS = np.dtype(np.uint8)
"""The symbols' words, one after the other."""
SYMBOL = np.dtype(
    [("at", "<u4"), ("length", "<u4"), ("kind", "u1"), ("follows", "u1"), ("spare", "<u2"), ("root", "<u4")]
)
"""A word in one reading: letters[at : at + length]. follows: whether any row goes on by it. root: the node of the rows
that begin with it."""
NODE = np.dtype([("parent", "<u4"), ("symbol", "<u4"), ("ends", "<u4"), ("children", "<u4")])
"""The beginning of a row up to a symbol. ends: the term that ends here, 0 for none; with `MANY`, the first of several
endings. children: a bit for each symbol that goes on, by `symbol % 32`: most that do not are never looked up."""
MANY = 1 << 31
ENDING = np.dtype([("term", "<u4"), ("next", "<u4")])
TERM = np.dtype(
    [
        *(("singles", "<u4"), ("clauses", "<u4"), ("added", "<u4")),
        *(("seen", "<f4"), ("born", "<i4"), ("scope", "u1"), ("rows", "u1"), ("spare", "<u2")),
    ]
)
"""A term and what is posted under it: queries that need nothing else, in `singles` from here to where the next term's
begin; clauses likewise; and a chain of clauses added later, which stand behind those in order. seen / (papers - born)
is how many papers have it."""
CLAUSE = np.dtype([("query", "<u4"), ("required", "<u4", 2), ("forbidden", "<u4", 2), ("tail", "<u4")])
"""What a clause needs beside the term that it is posted under; the rest in tails[tail:]: how many required, how many
forbidden, then these. A clause without a tail has 0."""
ADDED = np.dtype([("clause", "<u4"), ("next", "<u4")])
QUERY = np.dtype([("key", "<u8", 2), ("held", "<u4"), ("clauses", "<u4")])
"""One distinct query. key: a hash of its text, never of few bits; held: by how many profiles; none: it is dead."""
NUMBER = np.dtype("<u4")

COLUMNS = {
    "letters": LETTERS,
    "symbols": SYMBOL,
    "nodes": NODE,
    "endings": ENDING,
    "terms": TERM,
    "singles": NUMBER,
    "clauses": CLAUSE,
    "tails": NUMBER,
    "added": ADDED,
    "queries": QUERY,
}

Columns = Mapping[str, Any]
"""By name, arrays of those records, or their bytes."""
