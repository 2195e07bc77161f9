"""Which paper is this? Aliases first, then the title with its abstract; different ids never meet."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlark.matching.text import title_key
from paperlark.model.papers import Alias, Paper
from paperlark.store.identity import Census, Settled, bounded, merged_fields, strangers
from tests.builders import LONG_ABSTRACT, paper

SHORT = "Larks aloft"
OTHER_ABSTRACT = (
    "A ledger of harbour tides over forty years is read again with care, and what the old keepers wrote beside the "
    "numbers turns out to predict silt, storms and the price of rope better than the numbers themselves."
)


class Settling:
    """A census, and the papers settled in it one after the other."""

    def __init__(self, parted: Sequence[tuple[int, int]] = ()) -> None:
        self._census = Census(parted)
        self._ids = count(1)

    def __call__(self, wanted: Paper) -> Settled:
        return self._census.settle(wanted, title_key(wanted.title), next(self._ids))


def partition(papers: list[Paper]) -> set[frozenset[int]]:
    """Settle papers in order; the positions that ended up as one paper, as sets."""
    settling, owner = Settling(), dict[int, int]()
    for position, one in enumerate(papers):
        found = settling(one)
        owner = {p: found.paper_id if number in found.absorbed else number for p, number in owner.items()}
        owner[position] = found.paper_id
    together = defaultdict(set)
    for position, number in owner.items():
        together[number].add(position)
    return {frozenset(positions) for positions in together.values()}


def are_one(*papers: Paper) -> bool:
    forth, back = partition(list(papers)), partition(list(reversed(papers)))
    assert len(forth) == len(back), "the order of telling must not matter"
    return len(forth) == 1


def test_the_same_id_is_the_same_paper_whatever_else_differs() -> None:
    assert are_one(paper("Larks", "one", arxiv="2603.00001"), paper("Finches", "two", arxiv="2603.00001v3"))


def test_the_doi_that_arxiv_gives_is_the_arxiv_id() -> None:
    assert are_one(paper("Larks", arxiv="2603.00001"), paper("Finches", "", doi="10.48550/arXiv.2603.00001"))


def test_an_alias_goes_before_a_title() -> None:
    settling = Settling()
    by_alias = settling(paper("Larks over the wide green valley", OTHER_ABSTRACT, hf="lark-1"))
    settling(paper("Finches over the wide green valley", LONG_ABSTRACT))
    found = settling(paper("Finches over the wide green valley", OTHER_ABSTRACT, hf="lark-1"))
    assert found.paper_id == by_alias.paper_id


@pytest.mark.parametrize("scheme", ["arxiv", "doi"])
def test_different_ids_of_one_scheme_never_meet(scheme: str) -> None:
    ids = {"arxiv": ("2603.00001", "2603.00002"), "doi": ("10.1000/larks", "10.1000/finches")}[scheme]
    one, other = (paper(**{scheme: value}) for value in ids)
    assert not are_one(one, other)


def dois(*values: str) -> tuple[Alias, ...]:
    return tuple(Alias("doi", value) for value in values)


def test_one_arxiv_id_with_two_dois_is_one_paper() -> None:
    """Its journal gave it a second DOI, or the first one was misspelt."""
    first = paper("Larks", "one", arxiv="2603.00001", doi="10.1000/larks.preprint")
    corrected = paper("Larks in print", "two", arxiv="2603.00001", doi="10.1000/larks")
    printed = paper("Larks, printed", "three", doi="10.1000/larks")
    assert are_one(first, corrected)
    assert are_one(first, corrected, printed)


def test_one_doi_with_two_arxiv_ids_is_two_papers() -> None:
    """Both preprints went into one volume."""
    one, other = (paper(number, number, arxiv=f"2603.0000{number}", doi="10.1000/volume") for number in "12")
    assert not are_one(one, other)


def test_a_preprint_and_the_journal_article_that_it_names_are_one_paper() -> None:
    preprint = paper("Larks", "one", doi="10.1101/larks")
    article = paper("Larks, peer reviewed", "two", doi="10.1000/larks")
    assert not are_one(preprint, article)
    assert are_one(preprint, article, paper("Larks", "one", aliases=dois("10.1101/larks", "10.1000/larks")))


def test_two_arxiv_ids_are_one_paper_where_one_announcement_names_both() -> None:
    both = (Alias("arxiv", "2603.00001"), Alias("arxiv", "2603.00002"))
    assert are_one(paper("Larks", "1", arxiv="2603.00001"), paper("Owls", "2", arxiv="2603.00002"),
                   paper("Larks", "1", aliases=both))  # fmt: skip


def test_papers_that_were_parted_stay_apart_whatever_is_said() -> None:
    settling = Settling(parted=[(1, 2)])
    settling(paper("Larks over the wide green valley", arxiv="2603.00001"))
    settling(paper("Larks above the wide green valley", doi="10.1000/larks"))
    named = settling(paper("Larks over the wide green valley", arxiv="2603.00001", doi="10.1000/larks"))
    alike = settling(paper("Larks above the wide green valley", arxiv="2603.00001"))
    assert [(found.paper_id, found.absorbed) for found in (named, alike)] == [(1, ()), (1, ())]


def test_one_address_for_two_arxiv_ids_does_not_make_them_one() -> None:
    shared = "https://journal.example/current"
    assert not are_one(paper(arxiv="2603.00001", address=shared), paper(arxiv="2603.00002", address=shared))


def test_an_announcement_that_names_two_papers_joins_them() -> None:
    settling = Settling()
    first = settling(paper("Larks over the wide green valley", arxiv="2603.00001"))
    second = settling(paper("Larks above a valley", OTHER_ABSTRACT, doi="10.1000/larks"))
    found = settling(paper("Larks in print", "", arxiv="2603.00001", doi="10.1000/larks"))
    assert (found.paper_id, found.absorbed) == (first.paper_id, (second.paper_id,))


def test_a_chain_of_soft_names_does_not_join_two_dois() -> None:
    settling = Settling()
    settling(paper("Owls", "three", arxiv="2603.00003"))
    larks = settling(paper("Larks", "one", doi="10.1000/larks", hf="lark"))
    settling(paper("Finches", "two", doi="10.1000/finches", address="https://journal.example/current"))
    found = settling(paper("Owls", "three", arxiv="2603.00003", hf="lark", address="https://journal.example/current"))
    assert found.absorbed == (larks.paper_id,)


def test_a_paper_found_by_alias_and_by_title_is_absorbed_once() -> None:
    settling = Settling()
    first = settling(paper("Larks above a valley", "one", arxiv="2603.00001"))
    second = settling(paper("Larks in flight over the valley", LONG_ABSTRACT, hf="lark"))
    found = settling(paper("Larks in flight over the valley", LONG_ABSTRACT, arxiv="2603.00001", hf="lark"))
    assert (found.paper_id, found.absorbed) == (first.paper_id, (second.paper_id,))


def test_a_title_joins_where_the_abstracts_agree() -> None:
    retold = LONG_ABSTRACT.replace("three seasons", "four seasons").replace("wide valley", "broad valley")
    assert are_one(paper(arxiv="2603.00001"), paper(abstract=retold))


def test_a_title_alone_joins_nothing() -> None:
    assert not are_one(paper(arxiv="2603.00001"), paper(abstract=OTHER_ABSTRACT))


def test_missing_abstracts_join_nothing() -> None:
    assert not are_one(paper(abstract=""), paper(abstract=""))
    assert not are_one(paper(), paper(abstract=""))


def test_a_title_with_two_candidates_joins_neither() -> None:
    settling = Settling()
    settling(paper(arxiv="2603.00001"))
    settling(paper(arxiv="2603.00002"))
    assert settling(paper()).new


def test_an_abstract_that_was_cut_off_agrees_with_the_whole() -> None:
    assert are_one(paper(abstract=f"{LONG_ABSTRACT} {OTHER_ABSTRACT}"), paper(abstract=f"{LONG_ABSTRACT}…"))


def test_a_few_words_of_an_abstract_prove_nothing() -> None:
    assert not are_one(paper(), paper(abstract=" ".join(LONG_ABSTRACT.split()[:12])))


def test_short_titles_join_only_with_the_same_abstract() -> None:
    retold = LONG_ABSTRACT.replace("three seasons", "four seasons")
    assert not are_one(paper(SHORT, LONG_ABSTRACT), paper(SHORT, retold))
    assert are_one(paper(SHORT, f"{LONG_ABSTRACT} $\\beta$"), paper(SHORT, f"{LONG_ABSTRACT}\nβ"))


@pytest.mark.parametrize("title", ["Technical Report", "EDITORIAL", "Correction.", "Letter to the editor"])
def test_a_title_that_many_papers_bear_joins_nothing(title: str) -> None:
    assert not are_one(paper(title), paper(title))
    assert are_one(paper(title, arxiv="2603.00001"), paper(title, arxiv="2603.00001"))


@pytest.mark.parametrize("nothing", ["No abstract available.", "Abstract", "n/a"])
def test_an_abstract_that_says_nothing_joins_nothing(nothing: str) -> None:
    assert not are_one(paper(abstract=nothing), paper(abstract=nothing))


def test_parts_errata_comments_and_replies_are_papers_of_their_own() -> None:
    title = "Larks in flight over the valley"
    related = [title, f"{title}, part I", f"{title}, part II", f"Erratum to: {title}", f"Correction: {title}",
               f"Comment on “{title}”", f"Reply to comment on “{title}”"]  # fmt: skip
    assert len(partition([paper(each) for each in related])) == len(related)


def test_authors_who_are_all_strangers_part_two_papers_of_one_title() -> None:
    one, other = paper(authors=("Ann Larkin", "Bo Finch")), paper(authors=("Cy Wren", "Di Stork"))
    assert not are_one(one, other)
    assert not are_one(one, paper(authors=("Cy Wren",)), paper(authors=("Di Stork",)))


@pytest.mark.parametrize(
    "authors",
    [(), ("Bo Finch", "Ann Larkin"), ("Larkin, Ann", "Finch, Bo"), ("A. Larkin", "B. Finch"), ("Ann Larkin",),
     ("Ann Larkin", "Cy Wren"), ("The Valley Collaboration",)],
)  # fmt: skip
def test_authors_in_other_order_spelling_or_number_are_no_contradiction(authors: tuple[str, ...]) -> None:
    assert are_one(paper(authors=("Ann Larkin", "Bo Finch")), paper(authors=authors))
    assert not strangers(authors, ("Ann Larkin", "Bo Finch"))


def test_the_tex_of_a_title_does_not_matter() -> None:
    spellings = (
        "Flight Scaling $\\scriptsize\\mathtt{F}$Laws of the larks",
        "Flight Scaling scriptsizeFLaws of the larks",
        "Flight scaling FLaws of the  Larks",
    )
    for one in spellings:
        for other in spellings:
            assert are_one(paper(one), paper(other)), (one, other)


def test_an_abstract_that_comes_later_in_the_page_confirms_a_title() -> None:
    bare, whole, nameless = paper(abstract="", arxiv="2603.00001"), paper(arxiv="2603.00001"), paper()
    assert partition([bare, whole, nameless]) == {frozenset({0, 1, 2})}


def test_a_very_long_alias_is_kept_by_its_hash() -> None:
    one, other = "https://a.example/" + "x" * 4000, "https://a.example/" + "x" * 4001
    assert len(bounded(one)) <= 300 and bounded(one) != bounded(other)
    assert bounded("10.1000/larks") == "10.1000/larks"


def test_fields_come_from_the_best_authority_that_has_them() -> None:
    best: dict[str, object] = {
        "title": "Larks",
        "abstract": "",
        "authors": [],
        "organisation": None,
        "url": "https://best.example",
    }
    rest = {"title": "larks", "abstract": "They fly.", "authors": ["Ann"], "organisation": "Valley", "url": "else"}
    merged = merged_fields([best, rest])
    assert (merged["title"], merged["url"]) == ("Larks", "https://best.example")
    assert (merged["abstract"], merged["authors"], merged["organisation"]) == ("They fly.", ["Ann"], "Valley")


ABSTRACTS = [
    " ".join(f"{word}{number}" for word in ("north", "tide", "paper", "lamp", "wing", "stone", "map") for _ in (1, 2))
    for number in range(6)
]


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Paper], set[frozenset[int]]]:
    """A shuffled page of several tellings of several works, and which of them belong together.

    A work is told with and without its id; works share titles, never abstracts.
    """
    told: list[tuple[int, Paper]] = []
    for work in range(draw(st.integers(1, 5))):
        title = draw(st.sampled_from(["Larks in flight over the valley", "A survey", "Notes on a harbour at dawn"]))
        for _ in range(draw(st.integers(1, 3))):
            spelt = draw(st.sampled_from([title, title.upper(), f" {title.replace(' ', '  ')}."]))
            names = draw(st.sampled_from([{}, {"arxiv": f"2603.0000{work}"}, {"hf": f"work-{work}"}]))
            told.append((work, paper(spelt, ABSTRACTS[work], **names)))
    order = draw(st.permutations(range(len(told))))
    together = defaultdict(set)
    for position, index in enumerate(order):
        together[told[index][0]].add(position)
    return [told[index][1] for index in order], {frozenset(positions) for positions in together.values()}


@given(pages())
@settings(max_examples=150, deadline=None)
def test_in_any_order_the_same_tellings_become_the_same_papers(page: tuple[list[Paper], set[frozenset[int]]]) -> None:
    told, together = page
    assert partition(told) == together


@st.composite
def claims(draw: st.DrawFn) -> list[Paper]:
    """Announcements that name up to three ids each out of a few, also contradicting one another; titles are shared."""
    names = st.sampled_from(
        [Alias("arxiv", "2603.00001"), Alias("arxiv", "2603.00002"), Alias("doi", "10.1000/a"),
         Alias("doi", "10.1000/b"), Alias("hf", "c"), Alias("url", "https://journal.example/d")]
    )  # fmt: skip
    titles = st.sampled_from(["Larks in flight over the valley", "Notes on a harbour at dawn"])
    many = st.lists(
        st.tuples(titles, st.sets(names, max_size=3), st.sampled_from(ABSTRACTS[:2])), min_size=1, max_size=7
    )
    return [paper(title, abstract, aliases=tuple(sorted(ids))) for title, ids, abstract in draw(many)]


def arxiv_ids(one: Paper) -> set[str]:
    return {alias.value for alias in one.aliases if alias.scheme == "arxiv"}


@given(claims(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_in_any_order_one_arxiv_id_is_one_paper_and_two_are_only_where_somebody_says_so(
    papers: list[Paper], random: Random
) -> None:
    """What holds even where the evidence is torn."""
    random.shuffle(papers)
    holders = partition(papers)
    for together in holders:
        named = [arxiv_ids(papers[number]) for number in together]
        if len(set().union(*named)) > 1:
            assert any(len(ids) > 1 for ids in named), "joined by nobody's word"
    for one in ("2603.00001", "2603.00002"):
        holding = [together for together in holders if any(one in arxiv_ids(papers[number]) for number in together)]
        assert len(holding) <= 1, "one id, one paper"
