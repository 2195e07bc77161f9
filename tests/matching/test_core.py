"""Both cores answer as the reference does, after any changes, put in order or not."""

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from paperlark.matching import core
from paperlark.matching.clauses import CLAUSES, clauses
from paperlark.matching.core import Core
from paperlark.matching.core.compact import arrays, in_ranges
from paperlark.matching.document import Document, analyse
from paperlark.matching.index import Index
from paperlark.matching.query import Query, parse
from paperlark.matching.reference import meets
from paperlark.matching.standing import ALONE, Standing
from paperlark.matching.symbols import learn, paper, rows
from paperlark.matching.tree import Reading, Term
from paperlark.model.problems import FullError, SegmentError
from tests.amounts import examples
from tests.matching.papers import MONDAY, documents
from tests.matching.test_agreement import queries

CORES = [each for each in (core.PLAIN, core.COMPILED) if each is not None]


@pytest.fixture(params=CORES, ids=["numpy", "compiled"][: len(CORES)])
def cores(request: pytest.FixtureRequest) -> Core:
    found: Core = request.param
    return found


def index(cores: Core) -> Index[Any]:
    return Index(Standing(cores))


def met(found: Index[Any], title: str, **fields: Any) -> set[Any]:
    return set(found.percolate(analyse(Document(title, MONDAY, **fields))))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), queries),
        st.tuples(st.just("put"), st.integers(0, 9), queries),
        st.tuples(st.just("remove"), st.integers(0, 9), st.none()),
        st.tuples(st.just("percolate"), documents(), st.none()),
        st.tuples(st.just("compact"), st.none(), st.none()),
    ),
    min_size=4,
    max_size=30,
)


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(steps, documents())
def test_both_cores_find_what_the_reference_finds_after_any_changes(steps: list[Any], last: Document) -> None:
    both = [index(each) for each in CORES]
    kept: dict[int, Query] = {}
    for step, subject, query in [*steps, ("compact", None, None), ("percolate", last, None)]:
        if step == "put":
            kept[subject] = query
        elif step == "remove":
            kept.pop(subject, None)
        for each in both:
            match step:
                case "put":
                    each.put(subject, query)
                case "remove":
                    each.remove(subject)
                case "compact":
                    each.compact()
                case "percolate":
                    found = each.percolate(analyse(subject))
                    assert sorted(found) == sorted(key for key, asked in kept.items() if meets(asked, subject))
            assert len(each) == len(kept)


hostile = st.text(
    st.one_of(st.sampled_from(list("aA1 --$\\{}^_#+.é́βﬁ扩Ａ\ud800\x00\u200bß")), st.characters(exclude_categories=())),
    max_size=60,
)


@settings(max_examples=examples(60), deadline=None)
@given(hostile, hostile, st.lists(hostile, max_size=3))
@example("C++ C# a-C++ c#-x", "a--b -a- a-b-c-d-e", ["$\\'e$-a"])
def test_both_cores_read_hostile_text_alike(title: str, abstract: str, authors: list[str]) -> None:
    document = Document(title, MONDAY, abstract, tuple(authors), organisation=title)
    words = [t.word for t in analyse(document).texts.title.texts[0].tokens] or ["a"]
    asked = [
        Query(Term(tuple(words[at : at + length]), reading, prefix))
        for reading in Reading
        for prefix in (False, True)
        for at, length in ((0, 1), (0, 2), (0, 3), (1, 2), (0, 7))
        if words[at : at + length]
    ]
    for each in CORES:
        found = index(each)
        for key, query in enumerate(asked):
            found.put(key, query)
        expected = {key for key, query in enumerate(asked) if meets(query, document)}
        assert set(found.percolate(analyse(document))) == expected


def test_what_was_saved_answers_as_before_and_can_be_changed(cores: Core, tmp_path: Path) -> None:
    texts = [
        "larks upvotes>=3",
        "since:2026-01-01 owls",
        'author:"Song, Yang" -larks',
        "te* OR cat:cs",
        '"a b c d e f g"',
    ]
    before = Standing(cores)
    numbers = [before.hold(parse(text)) for text in texts]
    before.release(numbers[0])
    before.hold(parse(texts[0]))
    before.save(tmp_path / "index", {"mark": 7})
    before.save(tmp_path / "index", {"mark": 8})
    other = CORES[-1]  # what one core writes, the other reads
    after, facts = Standing.load(tmp_path / "index", other)
    assert facts == {"mark": 8}
    assert [each.name for each in tmp_path.iterdir()] == ["index"]
    papers = [
        analyse(Document("Owls and larks, a b c d e f g", MONDAY, signals={"upvotes": 3})),
        analyse(Document("Test", MONDAY, authors=("Y. Song",), categories=("cs.CL",))),
    ]
    for old, new in zip(before.match(papers), after.match(papers), strict=True):
        assert sorted(old) == sorted(new)
        assert sorted(before.counted(old)) == sorted(after.counted(new))
    added = after.hold(parse("zebras OR zebu"))
    after.release(numbers[3])
    assert [sorted(each) for each in after.match([analyse(Document("Zebras test", MONDAY)), papers[1]])] == [
        [added],
        [numbers[2]],
    ]
    assert len(Standing.load(tmp_path / "index", cores)[0]) == len(
        texts
    )  # what was loaded is written to in memory only


def test_in_order_the_queries_of_one_term_stand_by_their_numbers(cores: Core) -> None:
    standing = Standing(cores)
    for text in ("owls", "larks OR owls", "owls OR wrens"):
        standing.hold(parse(text))
    standing.match([analyse(Document("Larks", MONDAY))] * 9)  # what is common comes first, and numbers its queries
    standing.compact()
    found = arrays(standing.table.columns())
    terms, _ = in_ranges(found["terms"]["singles"], len(found["singles"]))
    posted = list(zip(terms.tolist(), found["singles"].tolist(), strict=True))
    assert len(posted) == 5
    assert posted == sorted(posted)


def test_a_damaged_index_is_refused_whatever_was_damaged(cores: Core, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with pytest.raises(SegmentError, match="there is no index"):
        Standing.load(folder, cores)
    standing = Standing(cores)
    for text in ("larks owls", "larks OR owls -test", "upvotes>=3"):
        standing.hold(parse(text))
    standing.compact()
    standing.save(folder)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]) if whole else b"x", b""):
            if broken != whole:
                path.write_bytes(broken)
                with pytest.raises(SegmentError):
                    Standing.load(folder, cores)
        path.unlink()
        with pytest.raises(SegmentError):
            Standing.load(folder, cores)
        path.write_bytes(whole)
    assert len(Standing.load(folder, cores)[0]) == 3


def test_sizes_are_never_assumed(cores: Core) -> None:
    found = index(cores)
    found.put("last author", parse("author:omega"))
    found.put("last word", parse('"nearly there"'))
    found.put("long", parse(f"={'x' * 3000}"))
    found.put("begins", parse(f"{'x' * 300}*"))
    authors = (*(f"Anna{n} Larsen{n}" for n in range(3_300)), "Omega")
    abstract = f"{'word ' * 200_000} nearly there {'x' * 3000}"
    assert met(found, "Many", authors=authors, abstract=abstract) == {"last author", "last word", "long", "begins"}


def test_a_query_at_its_limit_of_clauses_and_one_beyond(cores: Core) -> None:
    found = index(cores)
    at_limit = " ".join(f"(a{n} OR b{n})" for n in range(6))
    beyond = " ".join(f"(a{n} OR b{n})" for n in range(12)) + " -zz"
    assert len(clauses(parse(at_limit).tree).alternatives) == CLAUSES
    assert not clauses(parse(beyond).tree).exact
    found.put("at limit", parse(at_limit))
    found.put("beyond", parse(beyond))
    found.put("all", parse(" ".join(f"a{n}" for n in range(60)) + " " + " ".join(f"-c{n}" for n in range(60))))
    assert met(found, " ".join(f"a{n}" for n in range(6))) == {"at limit"}
    assert met(found, " ".join(f"b{n}" for n in range(12))) == {"at limit", "beyond"}
    assert met(found, " ".join(f"b{n}" for n in range(12)) + " zz") == {"at limit"}
    assert met(found, " ".join(f"a{n}" for n in range(60))) == {"at limit", "beyond", "all"}
    assert met(found, " ".join(f"a{n}" for n in range(60)) + " c59") == {"at limit", "beyond"}
    found.compact()
    assert met(found, " ".join(f"a{n}" for n in range(60)) + " c59") == {"at limit", "beyond"}


def test_a_long_phrase_is_asked_for_by_its_beginning_and_then_as_a_whole(cores: Core) -> None:
    found = index(cores)
    found.put("phrase", parse('"one two three four five six seven"'))
    found.put("without", parse('six -"one two three four five six seven"'))
    assert met(found, "One two three four five six seven") == {"phrase"}
    assert met(found, "one two-three four five sixseven") == {"phrase"}
    assert met(found, "one two three four five six eight") == {"without"}


def test_a_line_of_numbers_beyond_the_limit_is_refused_and_changes_nothing(cores: Core) -> None:
    found = index(cores)
    for value in range(ALONE):
        found.put(value, parse(f"upvotes>={value}"))
    found.put("with a word", parse(f"larks upvotes>={ALONE + 5}"))
    with pytest.raises(FullError, match="1,000 different lines of numbers"):
        found.put("one more", parse(f"upvotes>={ALONE}"))
    with pytest.raises(FullError):
        found.put(7, parse(f"upvotes>={ALONE}"))
    found.put("same", parse("upvotes>=7"))
    assert met(found, "larks", signals={"upvotes": 8}) == {*range(9), "same"}


def test_a_second_reader_answers_alike_and_teaches_nothing(cores: Core) -> None:
    standing = Standing(cores)
    numbers = [standing.hold(parse(text)) for text in ("larks", 'author:"Song, Yang" owls', "upvotes>=3")]
    reader = standing.reader()
    papers = [
        analyse(Document("Larks and owls", MONDAY, authors=("Y. Song",), signals={"upvotes": 3})),
        analyse(Document("Owls", MONDAY)),
    ]
    assert [sorted(each) for each in reader.match(papers)] == [numbers, []]
    assert standing.papers == 0
    assert [sorted(each) for each in standing.match(papers)] == [numbers, []]
    assert standing.papers == 2


def test_a_second_reader_begins_with_the_words_of_the_first(cores: Core) -> None:
    asked: list[bytes] = []

    def noted(keys: Any) -> Any:
        asked.extend(keys)
        return learn(keys)

    table = cores.table()
    term = table.term(0, rows(Term(("larks",)))[1], 0.1)
    table.hold(table.query(b"k" * 16, [([term], [])]))
    first = cores.matcher(table, noted)
    larks = paper(analyse(Document("Larks and well-known owls", MONDAY)))
    assert first.match([larks])[0]
    asked.clear()
    second = cores.matcher(table, noted, teaches=False, knows=first)
    assert second.match([larks]) == first.match([larks])
    assert asked == []
    more = paper(analyse(Document("Larks and wrens", MONDAY)))
    assert second.match([more]) == first.match([larks])
    assert asked == [b"wrens"]


def test_a_reader_begins_with_the_words_of_an_idle_one_only(compiled: Core) -> None:
    table = compiled.table()

    def meddle(keys: Any) -> Any:
        with pytest.raises(RuntimeError, match="idle"):
            compiled.matcher(table, learn, knows=matcher)
        return learn(keys)

    matcher = compiled.matcher(table, meddle)
    matcher.match([paper(analyse(Document("Larks", MONDAY)))])
    with pytest.raises(RuntimeError, match="its own table"):
        compiled.matcher(compiled.table(), learn, knows=matcher)


def test_what_a_known_word_begins_is_found_after_the_table_has_changed(cores: Core) -> None:
    """A word's beginnings are remembered with what stands there: an end, a way on."""
    found = index(cores)
    found.put("owls", parse("title:owls"))
    assert met(found, "Grey owls fly") == {"owls"}
    found.put("anywhere", parse("owls"))  # ends where another term ended
    assert met(found, "Grey owls fly") == {"owls", "anywhere"}
    found.put("phrase", parse('"grey owls"'))  # a new beginning
    assert met(found, "Grey owls fly") == {"owls", "anywhere", "phrase"}
    found.put("further", parse('"grey owls fly"'))
    found.put("other", parse('"grey wrens"'))  # a known beginning goes on by a symbol that went nowhere before
    assert met(found, "Grey owls fly") == {"owls", "anywhere", "phrase", "further"}
    assert met(found, "Grey wrens") == {"other"}


def test_what_learning_raises_is_raised_and_the_next_paper_is_matched() -> None:
    for make_table, make_matcher in CORES:
        table = make_table()
        term = table.term(0, rows(Term(("larks",)))[1], 0.1)
        table.hold(table.query(b"k" * 16, [([term], [])]))
        fails = [True]

        def sometimes(keys: Any, fails: list[bool] = fails) -> Any:
            if fails:
                raise LookupError
            return learn(keys)

        matcher = make_matcher(table, sometimes)
        larks = paper(analyse(Document("Larks", MONDAY)))
        with pytest.raises(LookupError):
            matcher.match([larks])
        fails.clear()
        assert [len(met) for met in matcher.match([larks, larks])] == [4, 4]


def test_the_compiled_core_refuses_what_does_not_fit(compiled: Core) -> None:
    table = compiled.table()
    for wrong in ((0, (), 0.1), (6, (((0, b"a"),),), 0.1), (0, (((9, b"a"),),), 0.1), (0, (((0, "a"),),), 0.1)):
        with pytest.raises((ValueError, TypeError)):
            table.term(*wrong)
    with pytest.raises(ValueError, match="no such term"):
        table.query(b"k" * 16, [([7], [])])
    with pytest.raises(ValueError, match="16 bytes"):
        table.find(b"short")
    with pytest.raises(ValueError, match="no such query"):
        table.hold(0)
    matcher = compiled.matcher(table, learn)
    for paper_like in (1, (), ((("a",),), (), ()), ((), (), (1,)), (((1, "é"),), (), ())):
        with pytest.raises((ValueError, TypeError)):
            matcher.match([paper_like])
    for name in ("symbols", "nodes", "endings", "terms", "singles", "clauses", "added"):
        columns = {each: bytearray(value) for each, value in table.columns().items()}
        columns[name] += b"\xff" * 48 * 8
        with pytest.raises(ValueError, match=r"fit together|whole number"):
            compiled.table.restored(columns, 0)


def test_a_table_cannot_be_changed_while_papers_are_held_against_it(compiled: Core) -> None:
    table = compiled.table()
    asked: list[Exception] = []

    def meddle(keys: Any) -> Any:
        try:
            table.outside(0.1)
        except RuntimeError as error:
            asked.append(error)
        return learn(keys)

    compiled.matcher(table, meddle).match([paper(analyse(Document("Larks", MONDAY)))])
    assert len(asked) == 1
    assert table.outside(0.1)


@pytest.mark.usefixtures("compiled")
def test_the_lock_is_released_while_papers_are_matched() -> None:
    found = Standing()
    found.hold(parse('"word word word word words"'))
    papers = [analyse(Document("many", MONDAY, abstract="word " * 300_000))] * 4
    found.match(papers[:1])
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            ticks += 1
            done.wait(0.0005)

    ticking = threading.Thread(target=tick)
    patience = sys.getswitchinterval()
    sys.setswitchinterval(10)
    try:
        ticking.start()
        found.match(papers)
    finally:
        done.set()
        sys.setswitchinterval(patience)
        ticking.join()
    assert ticks > 5
