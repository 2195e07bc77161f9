"""A register answers as one that is made anew: after any changes, put in order or not, kept and read again or not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paperlark.matching import meaning
from paperlark.matching import register as registers
from paperlark.matching.core import layout, segment
from paperlark.matching.document import Document, analyse
from paperlark.matching.holders import Held
from paperlark.matching.near import aimed
from paperlark.matching.query import parse
from paperlark.matching.reference import meets
from paperlark.matching.register import Register
from paperlark.model.problems import FullError, SegmentError
from tests.matching.papers import MONDAY
from tests.programs import lacking

QUERIES = ("larks", "larks OR owls", "owls -larks", '"snowy owls"', "upvotes:>=5", "larks upvotes:<3", "te*",
           " ".join(f"(a{n} OR b{n})" for n in range(8)))  # fmt: skip
PAPERS = [
    analyse(Document("Larks and snowy owls", MONDAY, signals={"upvotes": 7})),
    analyse(Document("Owls, tested", MONDAY, signals={"upvotes": 2})),
    analyse(Document("Of larks", MONDAY)),
    analyse(Document(" ".join(f"b{n}" for n in range(8)), MONDAY)),
]

MET = {(text, number) for text in QUERIES for number, each in enumerate(PAPERS) if meets(parse(text), each.document)}
Keys = st.tuples(st.integers(1, 3), st.integers(1, 4))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), Keys, st.sampled_from(QUERIES)),
        st.tuples(st.just("put"), Keys, st.sampled_from(QUERIES)),
        st.tuples(st.just("remove"), Keys, st.none()),
        st.tuples(st.just("compact"), st.none(), st.none()),
        st.tuples(st.just("keep"), st.none(), st.none()),
    ),
    max_size=20,
)


def held(key: tuple[int, int], version: int = 1) -> Held:
    return Held(*key, version, 1_000_000 + version)


def answers(register: Register) -> list[Any]:
    return [sorted(register.match(paper, counted=counted)) for paper in PAPERS for counted in (False, True)]


def anew(profiles: dict[tuple[int, int], tuple[int, str]]) -> Register:
    made = Register()
    for key, (version, text) in profiles.items():
        made.put(held(key, version), parse(text))
    return made


def by_the_reference(profiles: dict[tuple[int, int], tuple[int, str]]) -> list[Any]:
    return [
        sorted(
            held(key, version)
            for key, (version, text) in profiles.items()
            if (text, number) in MET and (parse(text).has_numbers or not counted)
        )
        for number in range(len(PAPERS))
        for counted in (False, True)
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_after_any_changes_it_answers_as_one_made_anew(
    tmp_path_factory: pytest.TempPathFactory, taken: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("register")
    register, profiles = Register(), dict[tuple[int, int], tuple[int, str]]()
    for number, (step, key, text) in enumerate([*taken, ("keep", None, None)]):
        match step:
            case "put":
                profiles[key] = number, text
                register.put(held(key, number), parse(text))
            case "remove":
                profiles.pop(key, None)
                register.remove(key)
            case "compact":
                register.compact()
                assert register.changed == 0
            case "keep":
                register.save(folder / "kept", {"number": number})
                register, facts = Register.load(folder / "kept")
                assert facts == {"number": number}
        assert len(register) == len(profiles)
        assert answers(register) == by_the_reference(profiles)


def test_a_kept_query_still_knows_the_papers_that_it_names(tmp_path: Path) -> None:
    title = "Larks sing at dawn in northern meadows"
    target = meaning.of_paper(title, "") or lacking("the extra `meaning` is not installed")
    register = Register()
    register.put(held((1, 1)), aimed(parse("like:2603.00001"), {"2603.00001": target}))
    near, far = analyse(Document(title, MONDAY)), analyse(Document("Compilers for tensor programs", MONDAY))
    for each in (register, _kept(register, tmp_path)):
        assert (len(each.match(near)), len(each.match(far))) == (1, 0)
        each.compact()
        assert (len(each.match(near)), len(each.match(far))) == (1, 0)


def _kept(register: Register, folder: Path) -> Register:
    register.save(folder / "index", {})
    return Register.load(folder / "index")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kept = tmp_path / "index"
    register = anew({(1, number): (1, text) for number, text in enumerate(QUERIES, 1)})
    register.compact()
    register.save(kept, {"mark": 7})
    assert Register.load(kept)[1] == {"mark": 7}
    return kept


def test_what_was_cut_off_or_has_one_bit_wrong_is_refused_wherever_it_is(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        for place in {0, len(whole) // 2, len(whole) - 1} if whole else ():
            flipped = bytearray(whole)
            flipped[place] ^= 4
            for broken in (bytes(flipped), whole[:place]):
                file.write_bytes(broken)
                with pytest.raises(SegmentError):
                    Register.load(folder)
        file.write_bytes(whole)
    Register.load(folder)


def test_what_another_version_kept_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "VERSION", layout.VERSION + 1)
    with pytest.raises(SegmentError, match="another version"):
        Register.load(folder)
    monkeypatch.undo()
    monkeypatch.setattr(registers, "rules", lambda: "of another paperlark")
    with pytest.raises(SegmentError, match="other rules"):
        Register.load(folder)


def test_a_folder_of_something_else_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SegmentError, match="there is no index"):
        Register.load(tmp_path / "nowhere")
    segment.save(tmp_path / "bare", dict.fromkeys(layout.COLUMNS, b""), {})
    with pytest.raises(SegmentError):
        Register.load(tmp_path / "bare")
    (folder / segment.MANIFEST).write_text(json.dumps({"version": layout.VERSION}))
    with pytest.raises(SegmentError):
        Register.load(folder)


def test_what_was_loaded_stays_while_another_takes_its_place(folder: Path, tmp_path: Path) -> None:
    loaded, _ = Register.load(folder)
    before = answers(loaded)
    Register().save(tmp_path / "other", {})
    segment.put(tmp_path / "other", folder)
    assert answers(loaded) == before
    assert len(Register.load(folder)[0]) == 0


def test_lines_of_numbers_are_counted_while_somebody_asks_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("paperlark.matching.standing.ALONE", 3)
    register = anew({(1, number): (1, f"upvotes:>={number}") for number in (1, 2, 3)})
    register.put(held((2, 1)), parse("upvotes:>=2, larks upvotes:>=9"))
    for changed in (register, _kept(register, tmp_path)):
        with pytest.raises(FullError, match="lines of numbers alone"):
            changed.put(held((1, 4)), parse("upvotes:>=4"))
        changed.remove((1, 2))
        with pytest.raises(FullError):
            changed.put(held((1, 4)), parse("upvotes:>=4"))
        changed.remove((2, 1))
        changed.put(held((1, 4)), parse("upvotes:>=4"))
        with pytest.raises(FullError):
            changed.put(held((1, 2)), parse("upvotes:>=2"))
        changed.compact()
        with pytest.raises(FullError):
            changed.put(held((1, 2)), parse("upvotes:>=2"))
        changed.remove((1, 4))
        changed.put(held((1, 2)), parse("upvotes:>=2"))
