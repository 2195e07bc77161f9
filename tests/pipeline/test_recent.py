"""What was recorded a moment ago is percolated as it was read, unless somebody has said more of it since."""

from collections.abc import AsyncIterator

from paperlark.matching.document import Document, analyse
from paperlark.model.papers import Announcement, Page
from paperlark.pipeline import ingest
from paperlark.pipeline.percolate import Percolator
from paperlark.pipeline.recent import LIMIT, Recent
from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from tests.builders import LEASE, MONDAY, matches, numbered, page, reader, told
from tests.databases import Fresh


async def take(store: Store, recent: Recent, *announcements: Announcement, name: str = "feed") -> None:
    async def pages() -> AsyncIterator[Page]:
        yield page(*announcements)

    await ingest.take(store, name, 40, pages(), owes=True, recent=recent)


async def matched(sqlite: Fresh, query: str, *takes: tuple[Announcement, ...]) -> int:
    """How many papers a query meets after these imports, one after the other, and then percolation."""
    clock = FakeClock(MONDAY)
    store = await open_store(sqlite(), clock=clock)
    await reader(store, query)
    recent = Recent()
    for number, announcements in enumerate(takes):
        clock.advance(seconds=1)
        await take(store, recent, *announcements, name=f"feed-{number % 2}")
    percolator = Percolator(store, lease=LEASE, recent=recent)
    await percolator.run()
    found = len(await matches(store))
    await percolator.close()
    await store.close()
    return found


async def test_it_meets_what_a_loaded_paper_meets(sqlite: Fresh) -> None:
    assert await matched(sqlite, "larks source:feed-0 id:2603.00003 type:new", tuple(numbered(5))) == 1


async def test_a_correction_before_percolation_counts(sqlite: Fresh) -> None:
    first, second = told("Birds", "", arxiv="2603.00001"), told("Birds and finches", "", arxiv="2603.00001")
    assert await matched(sqlite, "finches", (first,), (), (second,)) == 1
    assert await matched(sqlite, "finches", (first, second)) == 1


async def test_another_source_before_percolation_counts_for_both(sqlite: Fresh) -> None:
    title, rest = told("Birds", "", arxiv="2603.00001"), told("B.", "Of finches.", arxiv="2603.00001")
    assert await matched(sqlite, "birds finches", (title,), (rest,)) == 1
    assert await matched(sqlite, "birds -finches", (title,), (rest,)) == 0


def test_it_forgets_the_oldest() -> None:
    recent, analysed = Recent(), analyse(Document("Larks", MONDAY))
    recent.keep(dict.fromkeys(range(LIMIT + 10), analysed))
    assert recent.take(9) is None and recent.take(10) is analysed and recent.take(10) is None
