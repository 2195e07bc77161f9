"""A table's arrays, put in order: arrays in, arrays out, so that another process can do it.

What was added later moves to its place, what is dead goes, and each clause is posted under the term that has turned out
to be the rarest. Queries are numbered in the order of their postings and terms by how common they are, so that what is
found together stands together. Chains lead to earlier places, as everywhere (`layout`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paperlark.matching.core.layout import ADDED, ALWAYS, CLAUSE, COLUMNS, ENDING, MANY, NEVER, NODE, Columns

Places = NDArray[np.int64]
Records = NDArray[Any]
GONE = -1


class Compacted(NamedTuple):
    """The arrays, and the new place of each term and each query; GONE for what nobody asks for."""

    columns: dict[str, Records]
    terms: Places
    queries: Places


def arrays(columns: dict[str, bytes]) -> dict[str, Records]:
    """Columns as a table gives them, read as `layout` says."""
    return {name: np.frombuffer(columns[name], COLUMNS[name]) for name in columns}


def compacted(columns: Columns, papers: int) -> Compacted:
    """The same table in order. papers: how many it has learned from."""
    pivots, clauses = _postings(columns)
    alive = columns["queries"]["held"][clauses["query"]] > 0
    pivots, clauses, tails = _posted_anew(
        pivots[alive], clauses[alive], columns["tails"], _shares(columns["terms"], papers)
    )
    term_places = _common_first(columns["terms"], pivots, clauses, tails)
    pivots = term_places[pivots]
    for field in ("required", "forbidden"):
        clauses[field] = term_places[clauses[field]]
    is_single = (clauses["required"] == ALWAYS).all(1) & (clauses["forbidden"] == NEVER).all(1) & (clauses["tail"] == 0)
    order = np.lexsort((~is_single, pivots))
    pivots, clauses, is_single = pivots[order], clauses[order], is_single[order]
    query_places, queries = _in_order(columns["queries"], clauses["query"])
    clauses["query"] = query_places[clauses["query"]]
    order = np.lexsort((clauses["query"], ~is_single, pivots))  # those of a term that are one after the other together
    pivots, clauses, is_single = pivots[order], clauses[order], is_single[order]
    terms = columns["terms"][_standing_at(term_places)]
    terms["added"] = 0
    for field, some in (("singles", is_single), ("clauses", ~is_single)):
        terms[field] = np.searchsorted(pivots[some], np.arange(len(terms)))
    nodes, kept_nodes, endings = _trie(columns, term_places)
    found = {
        **_symbols(columns, kept_nodes, nodes),
        "nodes": nodes,
        "endings": endings,
        "terms": terms,
        "singles": clauses["query"][is_single],
        "clauses": clauses[~is_single],
        "tails": _renumbered_tails(tails, term_places),
        "added": np.zeros(1, ADDED),
        "queries": queries,
    }
    return Compacted(found, term_places, query_places)


def _standing_at(places: Places) -> Places:
    """What stands at each new place."""
    kept = np.flatnonzero(places != GONE)
    return kept[np.argsort(places[kept])]


def _counted(lengths: Places) -> Places:
    """0, 1, 2 … for each of some lengths, one after the other."""
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)


# -- postings ---------------------------------------------------------------------------------------------------------


def _postings(columns: Columns) -> tuple[Places, Records]:
    """Every clause with the term that it is posted under; queries that need nothing else are clauses too."""
    terms, clauses = columns["terms"], columns["clauses"]
    pivots = np.full(len(clauses), GONE, np.int64)
    owners, places = in_ranges(terms["clauses"], len(clauses) + 1 - len(columns["added"]))
    pivots[places] = owners
    at, owners = terms["added"].astype(np.int64), np.arange(len(terms))
    while len(at):  # from the newest of each term to the oldest
        owners, at = owners[at > 0], at[at > 0]
        pivots[columns["added"]["clause"][at]] = owners
        at = columns["added"]["next"][at].astype(np.int64)
    owners, places = in_ranges(terms["singles"], len(columns["singles"]))
    singles = np.zeros(len(places), CLAUSE)
    singles["query"] = columns["singles"][places]
    singles["required"], singles["forbidden"] = ALWAYS, NEVER
    return np.concatenate((owners, pivots)), np.concatenate((singles, clauses))


def in_ranges(begins: Records, end: int) -> tuple[Places, Places]:
    """Every place of ranges that each end where the next one begins, the last one at `end`; and whose range that is."""
    first = begins.astype(np.int64)
    lengths = np.diff(first, append=end)
    return np.repeat(np.arange(len(first)), lengths), np.repeat(first, lengths) + _counted(lengths)


def _shares(terms: Records, papers: int) -> NDArray[np.float32]:
    """The share of papers that have each term; ALWAYS is chosen only where there is no other."""
    shares = terms["seen"] / np.maximum(1, papers - terms["born"].astype(np.int64)).astype(np.float32)
    shares[ALWAYS] = np.inf
    return np.asarray(shares, np.float32)


def _posted_anew(
    pivots: Places, clauses: Records, tails: Records, shares: NDArray[np.float32]
) -> tuple[Places, Records, list[int]]:
    """Each clause under the rarest term that it requires; and the tails, terms' places as they were."""
    required = np.column_stack((pivots, clauses["required"].astype(np.int64)))
    every, best = np.arange(len(required)), shares[required].argmin(axis=1)
    rarest = required[every, best]
    required[every, best] = required[:, 0]
    clauses["required"] = required[:, 1:]
    kept = [0]
    for at in np.flatnonzero(clauses["tail"]).tolist():
        start = int(clauses["tail"][at])
        needed, barred = (int(each) for each in tails[start : start + 2])
        rest = [int(each) for each in tails[start + 2 : start + 2 + needed + barred]]
        for place in range(needed):
            if shares[rest[place]] < shares[rarest[at]]:
                rest[place], rarest[at] = int(rarest[at]), rest[place]
        clauses["tail"][at] = len(kept)
        kept += [needed, barred, *rest]
    return rarest, clauses, kept


def _tails(tails: list[int]) -> list[tuple[int, int]]:
    """Where the terms of each tail begin, and where they end."""
    found, at = [], 1
    while at < len(tails):
        end = at + 2 + tails[at] + tails[at + 1]
        found.append((at + 2, end))
        at = end
    return found


def _renumbered_tails(tails: list[int], places: Places) -> Records:
    found = np.array(tails, "<u4")
    for begin, end in _tails(tails):
        found[begin:end] = places[tails[begin:end]]
    return found


def _common_first(terms: Records, pivots: Places, clauses: Records, tails: list[int]) -> Places:
    """The new place of each term that somebody asks for."""
    used = np.zeros(len(terms), np.bool_)
    used[pivots] = True
    used[clauses["required"]] = used[clauses["forbidden"]] = True
    for begin, end in _tails(tails):
        used[tails[begin:end]] = True
    used[[ALWAYS, NEVER]] = False
    kept = np.flatnonzero(used)
    kept = np.concatenate(([ALWAYS, NEVER], kept[np.argsort(-terms["seen"][kept], kind="stable")]))
    places = np.full(len(terms), GONE, np.int64)
    places[kept] = np.arange(len(kept))
    return places


def _in_order(queries: Records, posted: Records) -> tuple[Places, Records]:
    """The new place of each query that is held, in the order in which they are posted; those without clauses last."""
    numbers, first = np.unique(posted, return_index=True)
    silent = np.setdiff1d(np.flatnonzero(queries["held"]), numbers)
    kept = np.concatenate((numbers[np.argsort(first)], silent)).astype(np.int64)
    places = np.full(len(queries), GONE, np.int64)
    places[kept] = np.arange(len(kept))
    return places, queries[kept]


# -- the trie ---------------------------------------------------------------------------------------------------------


def _trie(columns: Columns, term_places: Places) -> tuple[Records, Places, Records]:
    """The nodes that lead to terms that are kept, the old place of each, and the endings."""
    ends, ended = _ends(columns)
    kept = term_places[ended] != GONE
    ends, ended = ends[kept], term_places[ended[kept]]
    nodes = columns["nodes"]
    used = np.zeros(len(nodes), np.bool_)
    used[0] = True
    above = np.unique(ends)
    while len(above):
        used[above] = True
        above = np.unique(nodes["parent"][above])
        above = above[~used[above]]
    order = np.flatnonzero(used)
    places = np.cumsum(used) - 1
    found = np.zeros(len(order), NODE)
    found["parent"], found["symbol"] = places[nodes["parent"][order]], nodes["symbol"][order]
    return found, order, _end(found, places[ends], ended)


def _ends(columns: Columns) -> tuple[Places, Places]:
    """Every node at which a term ends, with the term."""
    ends, endings = columns["nodes"]["ends"], columns["endings"]
    node = np.flatnonzero((ends > 0) & (ends < MANY))
    nodes, ended = [node], [ends[node].astype(np.int64)]
    node = np.flatnonzero(ends >= MANY)
    more = ends[node].astype(np.int64) - MANY
    while len(node):
        nodes.append(node)
        ended.append(endings["term"][more].astype(np.int64))
        more = endings["next"][more].astype(np.int64)
        node, more = node[more > 0], more[more > 0]
    return np.concatenate(nodes), np.concatenate(ended)


def _end(nodes: Records, ends: Places, ended: Places) -> Records:
    """Let the terms end at their nodes: one alone stands in the node itself, several are a chain of endings."""
    order = np.argsort(ends, kind="stable")
    ends, ended = ends[order], ended[order]
    _, same, number = np.unique(ends, return_inverse=True, return_counts=True)
    several = number[same] > 1
    nodes["ends"][ends[~several]] = ended[~several]
    ends, ended = ends[several], ended[several]
    endings = np.zeros(1 + len(ends), ENDING)
    at = np.arange(1, len(endings))
    endings["term"][1:] = ended
    endings["next"][1:] = np.where(np.diff(ends, prepend=-1) == 0, at - 1, 0)
    nodes["ends"][ends] = MANY + at  # the last one, which leads to those before it
    return endings


def _symbols(columns: Columns, kept_nodes: Places, nodes: Records) -> dict[str, Records]:
    """The symbols of those nodes. Writes their new places, and which of them go on, into the nodes."""
    used = np.zeros(len(columns["symbols"]), np.bool_)
    used[nodes["symbol"]] = True
    used[0] = True
    places = np.cumsum(used) - 1
    symbols = columns["symbols"][used]
    lengths = symbols["length"].astype(np.int64)
    letters = columns["letters"][np.repeat(symbols["at"].astype(np.int64), lengths) + _counted(lengths)]
    symbols["at"] = np.cumsum(lengths) - lengths
    new_nodes = np.zeros(len(columns["nodes"]), np.int64)
    new_nodes[kept_nodes] = np.arange(len(kept_nodes))
    symbols["root"] = new_nodes[symbols["root"]]
    nodes["symbol"] = places[nodes["symbol"]]
    inner = np.flatnonzero(nodes["parent"])
    children = np.zeros(len(nodes), np.uint32)
    bits = np.uint32(1) << (nodes["symbol"][inner] & np.uint32(31))
    np.bitwise_or.at(children, nodes["parent"][inner], bits)
    nodes["children"] = children
    symbols["follows"] = False
    symbols["follows"][nodes["symbol"][inner]] = True
    return {"symbols": symbols, "letters": letters}
