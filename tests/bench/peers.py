"""Who else could percolate: each peer given the same queries and papers, in the form that suits it best.

Each is a function that takes queries and gives another, which takes papers and gives how many (paper, query) pairs
match; only that one is timed. They get folded words and stems ready made, and simplify where their language has no word
for ours (a name is a phrase, an open end in a phrase is left out), always to what is quicker for them. So their counts
are near ours and not the same.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import ahocorasick_rs
import mokaccino
import tantivy

from paperlark.matching.core import PLAIN
from paperlark.matching.document import Analysed
from paperlark.matching.query import Query
from paperlark.matching.standing import Standing
from paperlark.matching.symbols import paper as prepared
from paperlark.matching.tree import And, Author, Code, Leaf, Node, Not, Or, Reading, Term, leaves

Match = Callable[[Sequence[Analysed]], int]
Peer = Callable[[Sequence[Query]], Match]
FIELDS = ("title", "abstract", "stems", "org", "authors", "cat")


def said(paper: Analysed) -> dict[str, str]:
    """A paper's words, by field, a space between them."""
    document, texts = paper.document, paper.texts
    title, abstract = (part.open for part in texts.anywhere.texts)
    return {
        "title": " ".join(title.words),
        "abstract": " ".join(abstract.words),
        "stems": " ".join(title.stems) + " zzzz " + " ".join(abstract.stems),
        "org": (document.organisation or "").lower(),
        "authors": " zzzz ".join(document.authors).lower().replace(".", " ").replace("-", " "),
        "cat": " ".join(category.lower().replace(".", "") for category in document.categories),
    }


def wanted(leaf: Leaf) -> tuple[tuple[str, ...], list[Any]]:
    """The fields of which one must have a phrase, and its words."""
    match leaf:
        case Author(name):
            return ("authors",), [*name.given, *name.family]
        case Code(_, value):
            return ("cat",), [value.replace(".", "")]
        case Term(words, Reading.STEMMED):
            return ("stems",), list(words)
        case Term(words, _, _, field):
            names = {"author": ("authors",), "org": ("org",), "title": ("title",), None: ("title", "abstract")}
            return names[field], list(words)
    raise ValueError(f"no peer is asked for {leaf}")


def open_end(leaf: Leaf) -> bool:
    """Whether the last word may go on."""
    return isinstance(leaf, Term) and leaf.prefix


# -- search engines: papers are indexed in a batch, and every query is run ---------------------------------------------


def tantivy_batch(queries: Sequence[Query]) -> Match:
    """tantivy, a thousand papers in one segment in memory."""
    builder = tantivy.SchemaBuilder()
    for name in FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    schema = builder.build()
    asked = [_tantivy(schema, query.tree) for query in queries]

    def match(papers: Sequence[Analysed]) -> int:
        index = tantivy.Index(schema)
        writer = index.writer(heap_size=100_000_000, num_threads=1)
        for paper in papers:
            writer.add_document(tantivy.Document(**{name: [text] for name, text in said(paper).items()}))
        writer.commit()
        index.reload()
        searcher = index.searcher()
        return sum(len(searcher.search(query, limit=len(papers), count=False).hits) for query in asked)

    return match


def _tantivy(schema: Any, node: Node) -> Any:
    make, occur = tantivy.Query, tantivy.Occur
    match node:
        case And(parts):
            return make.boolean_query(
                [
                    (occur.MustNot, _tantivy(schema, part.part))
                    if isinstance(part, Not)
                    else (occur.Must, _tantivy(schema, part))
                    for part in parts
                ]
            )
        case Or(parts):
            return make.boolean_query([(occur.Should, _tantivy(schema, part)) for part in parts])
        case Not():
            raise ValueError("an exclusion alone")
    fields, words = wanted(node)
    if open_end(node):
        found = [
            make.regex_query(schema, field, f"{words[0]}.*")
            if len(words) == 1
            else make.phrase_query(schema, field, words[:-1])
            if len(words) > 2
            else make.term_query(schema, field, words[0], index_option="basic")
            for field in fields
        ]
    elif len(words) == 1:
        found = [make.term_query(schema, field, words[0], index_option="basic") for field in fields]
    else:
        found = [make.phrase_query(schema, field, words) for field in fields]
    return found[0] if len(found) == 1 else make.boolean_query([(occur.Should, each) for each in found])


def fts5_batch(queries: Sequence[Query]) -> Match:
    """SQLite's FTS5, the same way."""
    asked = [_fts5(query.tree) for query in queries]

    def match(papers: Sequence[Analysed]) -> int:
        database = sqlite3.connect(":memory:")
        database.execute(f"CREATE VIRTUAL TABLE paper USING fts5({', '.join(FIELDS)}, tokenize='unicode61')")
        slots = ", ".join("?" * len(FIELDS))
        database.executemany(f"INSERT INTO paper VALUES ({slots})", [tuple(said(p).values()) for p in papers])
        found = 0
        for query in asked:
            found += len(database.execute("SELECT rowid FROM paper WHERE paper MATCH ?", (query,)).fetchall())
        database.close()
        return found

    return match


def _fts5(node: Node) -> str:
    match node:
        case And(parts):
            good = " AND ".join(_fts5(part) for part in parts if not isinstance(part, Not))
            barred = [_fts5(part.part) for part in parts if isinstance(part, Not)]
            return f"({' NOT '.join([f'({good})', *barred])})"
        case Or(parts):
            return f"({' OR '.join(map(_fts5, parts))})"
        case Not():
            raise ValueError("an exclusion alone")
    fields, words = wanted(node)
    return f'({{{" ".join(fields)}}} : "{" ".join(words)}"{"*" * open_end(node)})'


# -- percolators: every query is held against each paper ---------------------------------------------------------------


def mokaccino_each(queries: Sequence[Query]) -> Match:
    """mokaccino, a percolator; phrases are given to it as keys of their own, made before the clock starts."""
    percolator = mokaccino.Percolator()
    lengths: set[int] = set()
    for query in queries:
        lengths |= {len(wanted(leaf)[1]) for leaf in leaves(query.tree)}
        percolator.add_query(_mokaccino(query.tree))

    def match(papers: Sequence[Analysed]) -> int:
        found = 0
        for paper in papers:
            document = mokaccino.Document()
            for field, text in said(paper).items():
                words = text.split()
                for length in lengths:
                    for row in set(zip(*(words[at:] for at in range(length)), strict=False)):
                        document = document.with_value(field, " ".join(row))
            found += len(percolator.percolate_list(document))
        return found

    return match


def _mokaccino(node: Node) -> Any:
    match node:
        case And(parts):
            return mokaccino.Query.from_and([_mokaccino(part) for part in parts])
        case Or(parts):
            return mokaccino.Query.from_or([_mokaccino(part) for part in parts])
        case Not(part):
            return mokaccino.Query.from_not(_mokaccino(part))
    fields, words = wanted(node)
    make = mokaccino.Query.from_kprefix if open_end(node) else mokaccino.Query.from_kv
    found = [make(field, " ".join(words)) for field in fields]
    return found[0] if len(found) == 1 else mokaccino.Query.from_or(found)


def regex_loop(queries: Sequence[Query]) -> Match:
    """A compiled pattern a term, a walk over the tree a query: what one writes first."""

    def check(node: Node) -> Callable[[dict[str, str]], bool]:
        match node:
            case And(parts):
                every = [check(part) for part in parts]
                return lambda fields: all(each(fields) for each in every)
            case Or(parts):
                any_of = [check(part) for part in parts]
                return lambda fields: any(each(fields) for each in any_of)
            case Not(part):
                denied = check(part)
                return lambda fields: not denied(fields)
        names, words = wanted(node)
        pattern = re.compile(rf"\b{re.escape(' '.join(words))}" + ("" if open_end(node) else r"\b"))
        return lambda fields: any(pattern.search(fields[name]) for name in names)

    asked = [check(query.tree) for query in queries]

    def match(papers: Sequence[Analysed]) -> int:
        return sum(each(fields) for fields in map(said, papers) for each in asked)

    return match


def aho_corasick(queries: Sequence[Query]) -> Match:
    """ahocorasick_rs finds the terms, and our numpy core does the rest: no complete peer, but its best half."""
    standing = Standing(PLAIN)
    for query in queries:
        standing.hold(query)
    patterns: dict[str, list[int]] = {}
    marks = {"title": "\x01", "abstract": "\x02", "stems": "\x03", "org": "\x04", "authors": "\x05"}
    for leaf in {leaf for query in queries for leaf in leaves(query.tree) if isinstance(leaf, Term)}:
        fields, words = wanted(leaf)
        for field in fields:
            mark = marks[field]
            pattern = mark + mark.join(words) + ("" if open_end(leaf) else mark)
            patterns.setdefault(pattern, []).append(standing.term(leaf))
    listed = list(patterns)
    automaton = ahocorasick_rs.AhoCorasick(listed)
    terms = list(patterns.values())
    matcher = PLAIN.matcher(standing.table, lambda keys: [])

    def match(papers: Sequence[Analysed]) -> int:
        found = 0
        for paper in papers:
            fields = said(paper)
            text = "".join(f"{mark}{fields[name].replace(' ', mark)}{mark}" for name, mark in marks.items())
            hit = automaton.find_matches_as_indexes(text, overlapping=True)
            present = {term for place in {place for place, _, _ in hit} for term in terms[place]}
            present |= matcher.present(prepared(paper, standing.outside(paper))._replace(texts=()))
            found += len(matcher.met(present))
        return found

    return match


PEERS: dict[str, tuple[Peer, bool, int]] = {
    "tantivy, batches of 1,000": (tantivy_batch, True, 1_000),
    "SQLite FTS5, batches of 1,000": (fts5_batch, True, 1_000),
    "mokaccino": (mokaccino_each, True, 64),
    "ahocorasick_rs and our numpy": (aho_corasick, False, 200),
    "a loop of patterns": (regex_loop, True, 16),
}
"""By name: the peer, whether it is complete, and how many papers it is given."""
