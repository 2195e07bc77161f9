"""Pairs of papers that are hard to tell apart, or hard to know again: made up, each with the answer.

Everything is drawn from a seeded generator, so that a pair that fails is there again in the next run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from paperlark.model.papers import Alias, Paper

BIRDS = ("larks", "finches", "wrens", "storks", "owls", "plovers", "terns", "swifts", "rooks", "herons", "martins")
PLACES = ("valley", "harbour", "orchard", "belfry", "estuary", "moor", "quarry", "meadow", "causeway", "lighthouse")
VERBS = ("carry", "count", "follow", "remember", "forget", "answer", "measure", "repair", "trade", "translate")
THINGS = ("letters", "maps", "lanterns", "ledgers", "ropes", "songs", "stones", "tides", "bells", "keys", "nets")
WAYS = ("slowly", "together", "at dusk", "in turns", "without rest", "against the wind", "by memory", "in pairs")
GIVEN = ("Ada", "Bruno", "Clara", "Daan", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Lev", "Mina")
FAMILY = ("Abelard", "Brandvold", "Castellan", "Drummond", "Eskola", "Fontane", "Grünwald", "Hallström", "Iwasaki")
OTHER_FAMILY = ("Jankovic", "Kowalczyk", "Lindqvist", "Marchetti", "Nakagawa", "Oyelaran", "Petrosyan", "Quintero")
SHORT = ("Larks Aloft", "Attention, Larks", "Nesting", "Segmenting Songs", "On Flight")
GENERIC = ("Technical Report", "Editorial", "Correction", "Erratum", "Letter to the Editor", "Book Review", "Reply")
NOTICE = (
    "In the published article there was an error in one of the tables. The authors apologise for this error and state "
    "that it does not change the conclusions of the article in any way. The original article has been updated."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tellings, and whether they are of one paper."""

    kind: str
    one: Paper
    other: Paper
    same: bool


class Work:
    """One made-up work and its spellings."""

    def __init__(self, random: Random, number: int) -> None:
        self.random = random
        self.number = number
        pick = random.choice
        self.title = f"How {pick(BIRDS)} {pick(VERBS)} {pick(THINGS)} over the {pick(PLACES)}: study {number}"
        self.sentences = [self._sentence() for _ in range(9)]
        self.authors = tuple(
            f"{given} {family}" for given, family in zip(random.sample(GIVEN, 4), random.sample(FAMILY, 4), strict=True)
        )

    @property
    def abstract(self) -> str:
        return " ".join(self.sentences)

    def arxiv(self, offset: int = 0) -> Alias:
        return Alias("arxiv", f"26{1 + offset:02d}.{self.number:05d}")

    def doi(self, registrant: str = "10.1000") -> Alias:
        return Alias("doi", f"{registrant}/work.{self.number}")

    def paper(self, *aliases: Alias) -> Paper:
        return Paper(title=self.title, abstract=self.abstract, authors=self.authors, aliases=aliases)

    def retold(self, changed: int) -> str:
        """The abstract with so many of its nine sentences written anew."""
        kept = list(self.sentences)
        for at in self.random.sample(range(len(kept)), changed):
            kept[at] = self._sentence()
        return " ".join(kept)

    def strangers(self) -> tuple[str, ...]:
        return tuple(
            f"{given[:1]}. {family}"
            for given, family in zip(self.random.sample(GIVEN, 3), self.random.sample(OTHER_FAMILY, 3), strict=True)
        )

    def _sentence(self) -> str:
        pick, tokens = self.random.choice, self.random.sample(range(100, 999), 5)
        return (
            f"We show that {pick(BIRDS)} {pick(VERBS)} {pick(THINGS)} {pick(WAYS)} near the {pick(PLACES)}, where "
            f"route{tokens[0]} meets shore{tokens[1]} and mark{tokens[2]} leaves sign{tokens[3]} on field{tokens[4]}."
        )


Maker = Callable[[Work, Work], tuple[Paper, Paper]]


# ── of one paper ───────────────────────────────────────────────────────────────────────────────────────────────────


def retitled(work: Work, other: Work) -> tuple[Paper, Paper]:
    """A later version under another title and with half of the abstract anew; the id stayed."""
    return work.paper(work.arxiv()), replace(work.paper(work.arxiv()), title=other.title, abstract=work.retold(5))


def capture_without_ids(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), Paper(title=work.title.upper(), abstract=work.abstract, author_count=4)


def tex_against_plain(work: Work, other: Work) -> tuple[Paper, Paper]:
    tex = replace(work.paper(work.arxiv()), title=f"$\\beta$-{work.title} in $\\mathtt{{F}}$Major")
    return tex, replace(work.paper(), title=f"β-{work.title}  in FMajor", abstract=f"{work.abstract} $\\alpha$")


def cut_abstract(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.doi()), replace(work.paper(), abstract=work.abstract[:420].rsplit(" ", 1)[0] + "…")


def swapped_authors(work: Work, other: Work) -> tuple[Paper, Paper]:
    spelt = [", ".join(reversed(name.split())) for name in reversed(work.authors)]
    return work.paper(work.arxiv()), replace(work.paper(), authors=tuple(spelt))


def missing_authors(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), replace(work.paper(), authors=work.random.choice([(), work.authors[:1]]))


def retold_abstract(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), replace(work.paper(work.doi()), abstract=work.retold(1))


def corrected_doi(work: Work, other: Work) -> tuple[Paper, Paper]:
    preprint, printed = work.doi("10.1101"), work.doi("10.1000")
    return work.paper(work.arxiv(), preprint), replace(work.paper(work.arxiv(), printed), title=other.title)


def published(work: Work, other: Work) -> tuple[Paper, Paper]:
    named = replace(work.paper(work.doi("10.1101"), work.doi()), abstract=work.retold(4))
    return replace(work.paper(work.doi()), title=other.title), named


# ── of two papers ──────────────────────────────────────────────────────────────────────────────────────────────────


def short_title(work: Work, other: Work) -> tuple[Paper, Paper]:
    title = work.random.choice(SHORT)
    return replace(work.paper(work.arxiv()), title=title), replace(work.paper(), title=title, abstract=work.retold(1))


def generic_title(work: Work, other: Work) -> tuple[Paper, Paper]:
    title = work.random.choice(GENERIC)
    of = work.random.choice([(work.authors, ()), ((), ()), (work.authors, other.authors)])
    return (
        Paper(title=title, abstract=NOTICE, authors=of[0], aliases=(work.doi(),)),
        Paper(title=title, abstract=NOTICE, authors=of[1]),
    )


def parts_one_and_two(work: Work, other: Work) -> tuple[Paper, Paper]:
    numbers = work.random.choice([(", Part I", ", Part II"), (" (1)", " (2)"), (". I.", ". II."), (" 2025", " 2026")])
    one, two = (replace(work.paper(), title=work.title + number) for number in numbers)
    return replace(one, aliases=(work.arxiv(),)), two


def about_the_other(work: Work, other: Work) -> tuple[Paper, Paper]:
    kind = work.random.choice(["Erratum: {}", "Comment on “{}”", "Reply to: {}", "{} (Corrigendum)", "Retraction: {}"])
    return work.paper(work.doi()), replace(work.paper(), title=kind.format(work.title))


def same_long_title(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), replace(other.paper(), title=work.title)


def near_equal_abstracts(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), replace(work.paper(), title=other.title, abstract=work.retold(1))


def near_equal_abstracts_of_strangers(work: Work, other: Work) -> tuple[Paper, Paper]:
    """Reports after one template: the same long title, nearly the same words, other people."""
    return work.paper(work.arxiv()), replace(work.paper(), authors=work.strangers(), abstract=work.retold(1))


def same_words_other_arxiv_id(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv()), work.paper(work.arxiv(1))


def same_words_other_doi(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.doi("10.1000")), work.paper(work.doi("10.2000"))


def one_volume_of_two_preprints(work: Work, other: Work) -> tuple[Paper, Paper]:
    return work.paper(work.arxiv(), work.doi()), other.paper(work.arxiv(1), work.doi())


def without_abstracts(work: Work, other: Work) -> tuple[Paper, Paper]:
    nothing = work.random.choice(["", "No abstract available.", "Abstract"])
    return replace(work.paper(work.doi()), abstract=nothing), replace(work.paper(), abstract=nothing)


ONE: tuple[Maker, ...] = (retitled, capture_without_ids, tex_against_plain, cut_abstract, swapped_authors,
                          missing_authors, retold_abstract, corrected_doi, published)  # fmt: skip
TWO: tuple[Maker, ...] = (short_title, generic_title, parts_one_and_two, about_the_other, same_long_title,
                          near_equal_abstracts, near_equal_abstracts_of_strangers, same_words_other_arxiv_id,
                          same_words_other_doi, one_volume_of_two_preprints, without_abstracts)  # fmt: skip


def hard_pairs(of_each: int) -> Iterator[Pair]:
    """So many pairs of each kind."""
    random = Random(20261121)
    number = 0
    for same, makers in ((True, ONE), (False, TWO)):
        for make in makers:
            for _ in range(of_each):
                work, other = Work(random, number), Work(random, number + 1)
                number += 2
                one, two = make(work, other)
                yield Pair(make.__name__.replace("_", " "), one, two, same)
