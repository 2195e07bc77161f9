"""The page of one paper, and the papers most like it."""

from aiohttp import web

from paperlark.model.papers import StoredPaper
from paperlark.model.readers import MarkKind
from paperlark.readers import mark, past, similar
from paperlark.web import answers
from paperlark.web.api.papers import named
from paperlark.web.keys import ACCOUNT, STORE
from paperlark.web.pages.sheet import HIGH, WIDE, sheet
from paperlark.web.pages.shown import card
from paperlark.web.pages.still import unless_still

ALIKE = 5  # similar papers that are shown

routes = web.RouteTableDef()


@routes.get("/papers/{id:.+}")
async def paper(request: web.Request) -> web.Response:
    """One paper, by its id or any of its names."""
    return await unless_still(request, _paper)


async def _paper(request: web.Request) -> web.Response:
    stored = await named(request)
    known = sheet(stored, await past.of_paper(request.app[STORE], stored.id))
    alike = await similar.similar(request.app[STORE], str(stored.id), limit=ALIKE)
    context = {
        "query": "",
        "paper": card(stored),
        "sheet": known,
        "wide": WIDE,
        "high": HIGH,
        "alike": [(card(each.paper), each.sentence) for each in alike.papers],
        "marks": await _marks(request, stored),
    }
    return answers.page(request, "paper.html", context)


async def _marks(request: web.Request, paper: StoredPaper) -> frozenset[MarkKind]:
    """What the reader who is signed in has it marked as; of nobody nothing."""
    if not request[ACCOUNT]:
        return frozenset()
    return frozenset((await mark.marked(request.app[STORE], request[ACCOUNT], str(paper.id))).marks)
