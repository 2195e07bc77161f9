"""What readers' marks teach of their taste, learned where digests are made, and remembered until the marks change.

It is derived from the marks and kept nowhere but in this process's memory: who takes a mark back is not remembered by
it. A reader with few marks has none, and is ordered by `ranking.feedback`.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from paperlark.matching.lean import Lean
from paperlark.matching.terms import terms, written
from paperlark.model.readers import Opinion
from paperlark.ranking.feedback import Liking
from paperlark.ranking.learned import ENOUGH, NEWEST, OF_EACH, Judgement, Model, features, learned
from paperlark.store import analysed
from paperlark.store.database import Transaction
from paperlark.store.lately import Lately

KEPT = 200  # readers whose models are remembered: a few hundred kilobytes each

Marks = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True)
class Taste:
    """A reader's model, and the papers of a digest as it sees them."""

    model: Model
    papers: Mapping[int, Lean]

    def liking(self, paper_id: int, profiles: Mapping[int, str]) -> Liking:
        """Where a paper goes to which these profiles (by id, with their names) led, and why."""
        paper = self.papers.get(paper_id)
        if paper is None:
            return Liking()
        judgement = self.model.judge(features(terms(paper), paper.document.authors, profiles.keys()))
        return Liking(judgement.tier, _said(judgement, paper, profiles)) if judgement.tier else Liking()


class Tastes:
    """The models of some readers. For one event loop."""

    def __init__(self) -> None:
        self._kept: Lately[int, tuple[Marks, Model | None]] = Lately(KEPT)

    async def of(
        self, tx: Transaction, opinions: Mapping[int, Sequence[Opinion]], papers: Mapping[int, Iterable[int]]
    ) -> dict[int, Taste]:
        """The taste of each account that has one, by its opinions. papers: those of its digests."""
        found: dict[int, Taste] = {}
        for account_id, all_of_them in opinions.items():
            model = await self._model(tx, account_id, _newest(all_of_them))
            if model is not None:
                found[account_id] = Taste(model, await analysed.load_lean(tx, sorted(set(papers[account_id]))))
        return found

    async def _model(self, tx: Transaction, account_id: int, opinions: Sequence[Opinion]) -> Model | None:
        marks = tuple(sorted((each.paper_id, each.saved) for each in opinions))
        kept = self._kept.get(account_id)
        if kept is None or kept[0] != marks:
            kept = marks, await _learned(tx, opinions)
            self._kept.keep(account_id, kept)
        return kept[1]


async def _learned(tx: Transaction, opinions: Sequence[Opinion]) -> Model | None:
    saved = sum(each.saved for each in opinions)
    if len(opinions) < ENOUGH or min(saved, len(opinions) - saved) < OF_EACH:
        return None
    papers = await analysed.load_lean(tx, [each.paper_id for each in opinions])

    def learn() -> Model | None:
        seen = {
            side: [
                features(terms(papers[each.paper_id]), each.authors, each.profiles)
                for each in opinions
                if each.saved is side and each.paper_id in papers
            ]
            for side in (True, False)
        }
        return learned(seen[True], seen[False])

    return await asyncio.to_thread(learn)


def _newest(opinions: Iterable[Opinion]) -> list[Opinion]:
    """Those that are learned from."""
    by_age = sorted(opinions, key=lambda each: (each.at is not None, each.at, each.paper_id), reverse=True)
    return by_age[:NEWEST]


def _said(judgement: Judgement, paper: Lean, profiles: Mapping[int, str]) -> str:
    """Why, in a clause for the reader."""
    did = "saved" if judgement.points > 0 else "dismissed"
    if not judgement.because:
        return f"it is like what you {did}"
    kind, name = judgement.because[0]
    if kind == "author":
        spelt = next((each for each in paper.document.authors if " ".join(each.casefold().split()) == name), name)
        return f"you {did} papers by {spelt}"
    if kind == "profile":
        return f"you {did} papers of “{profiles[int(name)]}”"
    words = " and ".join(f"“{' '.join(written([paper], each.name))}”" for each in judgement.because)
    return f"like what you {did}: {words}"
