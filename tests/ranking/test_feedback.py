"""Papers like what a reader saved come first, like what was dismissed last, and say why."""

from hypothesis import given
from hypothesis import strategies as st

from paperlark.model.readers import Opinion
from paperlark.ranking.feedback import INDIFFERENT, Liking, liking, taste, telling

LARKS, OWLS = 1, 2
NAMES = {LARKS: "larks", OWLS: "owls"}


def saved(*authors: str, of: int = LARKS) -> Opinion:
    return Opinion(True, authors, frozenset({of}))


def dismissed(*authors: str, of: int = LARKS) -> Opinion:
    return Opinion(False, authors, frozenset({of}))


def test_a_paper_by_an_author_of_a_saved_one_comes_first() -> None:
    known = taste([saved("Yang Song", "Ada Lark")])
    assert liking(known, ["Bo Owl", "yang  song"], {}) == Liking(1, "you saved papers by yang  song")
    assert liking(known, ["Bo Owl"], {LARKS: "larks"}) == INDIFFERENT


def test_a_profile_counts_only_after_some_marks() -> None:
    assert liking(taste([saved()] * 2), [], NAMES) == INDIFFERENT
    assert liking(taste([saved()] * 3), [], NAMES) == Liking(1, "you saved papers of “larks”")
    assert liking(taste([dismissed(of=OWLS)] * 3), [], NAMES) == Liking(-1, "you dismissed papers of “owls”")


def test_what_is_saved_as_often_as_dismissed_is_neither_liked_nor_disliked() -> None:
    assert liking(taste([saved("A")] * 4 + [dismissed("A")] * 4), ["A"], NAMES) == INDIFFERENT


def test_what_speaks_loudest_decides() -> None:
    known = taste([saved("A")] * 2 + [dismissed(of=OWLS)] * 9)
    assert liking(known, ["A"], {OWLS: "owls"}) == Liking(-1, "you dismissed papers of “owls”")


def test_where_all_are_liked_alike_nothing_is_said() -> None:
    assert not telling([]) and not telling([Liking(1, "a"), Liking(1, "b")])
    assert telling([Liking(1, "a"), INDIFFERENT])


opinions = st.lists(
    st.builds(
        Opinion,
        st.booleans(),
        st.lists(st.sampled_from("ABC"), max_size=2).map(tuple),
        st.frozensets(st.integers(1, 2)),
    ),
    max_size=12,
)


@given(opinions, st.lists(st.sampled_from("ABCD"), max_size=3))
def test_one_more_yes_never_moves_a_paper_back(some: list[Opinion], authors: list[str]) -> None:
    """Of a paper that its author alone speaks for."""
    for author in authors[:1]:
        before = liking(taste(some), [author], {}).tier
        assert liking(taste([*some, Opinion(True, (author,), frozenset())]), [author], {}).tier >= before
        assert liking(taste([*some, Opinion(False, (author,), frozenset())]), [author], {}).tier <= before


@given(opinions, st.lists(st.sampled_from("ABCD"), max_size=3))
def test_who_turns_every_opinion_round_turns_the_order_round(some: list[Opinion], authors: list[str]) -> None:
    turned = [Opinion(not each.saved, each.authors, each.profiles) for each in some]
    assert liking(taste(some), authors[:1], {}).tier == -liking(taste(turned), authors[:1], {}).tier
