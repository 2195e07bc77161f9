"""The pages, as a browser without JavaScript gets them."""

import asyncio
import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from selectolax.lexbor import LexborHTMLParser, LexborNode
from yarl import URL

from paperlark.links import Links
from paperlark.model.papers import Alias
from paperlark.sources import jsonl
from paperlark.store import directions, recording
from paperlark.store.database import Store, open_store
from paperlark.testing.clock import FakeClock
from paperlark.web import make_web
from paperlark.web.keys import WARMING
from tests.databases import Fresh
from tests.web.archive import DAY, Client, announcement, record
from tests.web.fitting import FittingClient


async def page(client: Client, path: str, *, status: int = 200, **parameters: Any) -> LexborHTMLParser:
    async with client.get(path, params=parameters) as answer:
        assert answer.status == status, await answer.text()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return LexborHTMLParser(await answer.text())


def one(tree: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    found = tree.css(selector)
    assert len(found) == 1, f"{selector}: {len(found)} of them"
    return found[0]


def words(tree: LexborHTMLParser | LexborNode, selector: str) -> str:
    """What the one element that a selector names says, white space folded."""
    return " ".join(one(tree, selector).text().split())


def titles(tree: LexborHTMLParser) -> list[str]:
    return [" ".join(node.text().split()) for node in tree.css(".papers h2")]


def links(tree: LexborHTMLParser | LexborNode, selector: str = "a") -> list[str]:
    return [node.attributes["href"] or "" for node in tree.css(selector)]


# ── days ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_newest_day_is_shown_most_upvoted_first(client_of_both: Client, store: Store) -> None:
    await record(
        store,
        announcement("Of yesterday", at=DAY - timedelta(days=1), signals={"upvotes": 99}),
        announcement("Liked a little", signals={"upvotes": 2}),
        announcement("Liked a lot", signals={"upvotes": 1200, "comments": 1}),
        announcement("Not counted"),
    )
    tree = await page(client_of_both, "/")
    assert words(tree, "h1") == "Wednesday 4 March 2026"
    assert titles(tree) == ["Liked a lot", "Liked a little", "Not counted"]
    assert [" ".join(node.text().split()) for node in tree.css(".votes")] == ["1,200 upvotes", "2 upvotes"]
    assert "1 comment" in tree.css(".facts")[0].text()
    assert words(tree, ".heading p") == "3 papers, the newest day"


async def test_days_lead_to_their_neighbours_and_leap_over_empty_ones(client: Client, sqlite_store: Store) -> None:
    days = (DAY - timedelta(days=30), DAY, DAY + timedelta(days=3))
    await record(sqlite_store, *[announcement(f"Of {day:%d}", at=day) for day in days])
    tree = await page(client, "/", day="2026-03-04")
    nav = tree.css("nav.days")[0]
    assert links(nav, "a[rel=prev]") == ["/?day=2026-02-02"]
    assert links(nav, "a[rel=next]") == ["/?day=2026-03-07"]
    assert one(nav, "input[type=date]").attributes["value"] == "2026-03-04"
    newest = await page(client, "/")
    assert links(newest, "nav.days a[rel=next]") == []
    assert words((await page(client, "/", day="2026-02-02")).css("nav.days")[0], ".end") == "the first day"


async def test_a_day_begins_and_ends_at_midnight_utc(client: Client, sqlite_store: Store) -> None:
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    second = timedelta(seconds=1)
    await record(
        sqlite_store,
        announcement("Last of the third", at=midnight - second),
        announcement("First of the fourth", at=midnight),
        announcement("Last of the fourth", at=midnight + timedelta(days=1) - second),
        announcement("First of the fifth", at=midnight + timedelta(days=1)),
    )
    assert sorted(titles(await page(client, "/", day="2026-03-04"))) == ["First of the fourth", "Last of the fourth"]


async def test_an_empty_day_leads_to_the_nearest(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"))
    before, after = await page(client, "/", day="2026-01-01"), await page(client, "/", day="2026-12-31")
    assert links(before, ".note a") == links(after, ".note a") == ["/?day=2026-03-04"]
    assert "Nothing was announced" in before.css(".note")[0].text()


async def test_an_empty_archive_says_how_to_fill_it(client: Client) -> None:
    tree = await page(client, "/")
    assert words(tree, "h1") == "No papers yet"
    assert "paperlark import" in words(tree, ".note pre")
    assert titles(await page(client, "/", day="2026-03-04")) == []


@pytest.mark.parametrize(
    "day",
    ["yesterday", "2026-02-30", "20260304", "2026-W10-3", "0001-01-01", "9999-12-31", "2026-03-04T00:00", "٢٠٢٦-٠٣-٠٤"],
)
async def test_what_is_no_day_is_said_so(client: Client, sqlite_store: Store, day: str) -> None:
    await record(sqlite_store, announcement("A lark"))
    tree = await page(client, "/", status=400, day=day)
    assert words(tree, "h1") == "No such day"
    assert links(tree, ".note a") == ["/"]


async def test_a_long_day_has_pages_that_hold_each_paper_once(client: Client, sqlite_store: Store) -> None:
    told = [announcement(f"Lark number {n}", signals={"upvotes": n % 3}) for n in range(120)]
    await record(sqlite_store, *told)
    seen: list[str] = []
    path = "/?day=2026-03-04"
    for begins in ("1", "41", "81"):
        tree = await page(client, path)
        seen += titles(tree)
        assert one(tree, ".papers").attributes["start"] == begins
        path = next(iter(links(tree, ".pages a[rel=next]")), "")
    assert path == ""
    assert sorted(seen) == sorted(each.paper.title for each in told)
    for bad in ("0", "4", "x", "-1", "9" * 5000):
        await page(client, "/", status=404, page=bad)


# ── searching ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_search_marks_the_words_that_met_it(client_of_both: Client, store: Store) -> None:
    abstract = "Much is said before. " * 30 + "At last the lark sings, and the larks listen."
    await record(
        store,
        announcement("Lark song", abstract, authors=("Ada Finch",)),
        announcement("Of wrens", authors=("Bo Wren",)),
    )
    tree = await page(client_of_both, "/", q="larks author:finch")
    assert titles(tree) == ["Lark song"]
    assert [node.text() for node in tree.css("h2 mark")] == ["Lark"]
    assert [node.text() for node in tree.css(".excerpt mark")] == ["lark", "larks"]
    assert words(tree, ".why") == "by Ada Finch"
    assert words(tree, ".heading p") == "1 paper, best first"
    assert one(tree, "#q").attributes["value"] == "larks author:finch"
    assert links(tree, ".facts a") == ["/?day=2026-03-04"]


async def test_a_long_search_is_read_on(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, *[announcement(f"Lark number {n}", "lark " * (n % 7)) for n in range(70)])
    first = await page(client, "/", q="lark OR wren")
    (following,) = links(first, ".pages a[rel=next]")
    second = await page(client, str(URL(following)))
    assert len(titles(first)) == 40
    assert sorted(titles(first) + titles(second)) == sorted(f"Lark number {n}" for n in range(70))
    assert [URL(link).query for link in links(second, ".pages a")] == [{"q": "lark OR wren"}]
    await page(client, "/", status=400, q="lark", cursor="nonsense")


async def test_a_search_that_cannot_be_read_shows_where_and_what_would_do(client: Client) -> None:
    tree = await page(client, "/", status=400, q='agents "test-time')
    assert "column 8" in words(tree, "#fault")
    assert words(tree, ".query") == 'agents "test-time'
    assert one(tree, ".query mark").text() == '"'
    (suggested,) = links(tree, "a.suggestion")
    assert URL(suggested).query == {"q": 'agents "test-time"'}
    assert one(tree, "#q").attributes["value"] == 'agents "test-time'
    await page(client, suggested)


@pytest.mark.parametrize("query", ["(", "a" * 4001, "-x", "title:", "AND", "'", "\0", "\u202e(", "x\n(", "<script>("])
async def test_no_query_breaks_the_page(client: Client, sqlite_store: Store, query: str) -> None:
    await record(sqlite_store, announcement("A lark"))
    async with client.get("/", params={"q": query}) as answer:
        assert answer.status in (200, 400)
        assert "<script" not in await answer.text()


async def test_a_search_that_finds_nothing_says_so_and_how_to_ask(client: Client) -> None:
    tree = await page(client, "/", q="dodo")
    assert "No paper in the archive meets this" in words(tree, ".note")
    for example in links(tree, ".hints a"):
        await page(client, example)  # each example can be read


async def test_a_search_is_narrowed_by_a_form_that_stays_filled_in(client: Client, sqlite_store: Store) -> None:
    await record(
        sqlite_store,
        announcement("A lark of Ada's", authors=("Ada Finch",), categories=("cs.CL",), organisation="Aviary"),
        announcement("A lark of Bo's", authors=("Bo Wren",), categories=("cs.CV",)),
        announcement("An older lark", at=DAY - timedelta(days=9), authors=("Ada Finch",)),
    )
    narrowings: list[dict[str, Any]] = [{"author": "Finch, Ada"}, {"cat": "cs.CL"}, {"org": "aviary"}]
    for narrowing in (*narrowings, {"since": "2026-03-01"}):
        tree = await page(client, "/", q="lark", **narrowing)
        assert "A lark of Ada's" in titles(tree), narrowing
        assert len(titles(tree)) == (2 if "author" in narrowing or "since" in narrowing else 1)
        ((name, value),) = narrowing.items()
        assert one(tree, f"#n-{name}").attributes["value"] == value
        assert "open" in one(tree, "details.narrow").attributes
    assert titles(await page(client, "/", until="2026-03-01")) == ["An older lark"]
    assert len(titles(await page(client, "/", source="hf_daily"))) == 3
    follow = URL(next(link for link in links(tree, ".ways.above a") if link.startswith("/profiles/new")))
    assert follow.query["text"] == "lark since:2026-03-01"


@pytest.mark.parametrize(
    ("narrowing", "said"),
    [({"since": "soon"}, "“soon” is not a day"), ({"author": '"'}, "leave out the quotes"),
     ({"since": "2026-03-02", "until": "2026-03-01"}, "the first day comes first")],
)  # fmt: skip
async def test_a_narrowing_that_cannot_be_is_said_so(client: Client, narrowing: dict[str, Any], said: str) -> None:
    tree = await page(client, "/", status=400, q="lark", **narrowing)
    assert said in words(tree, ".narrow .fault")


# ── weeks, months, what is trending ────────────────────────────────────────────────────────────────────────────────


async def test_a_week_counts_its_days_and_shows_what_was_noticed(client_of_both: Client, store: Store) -> None:
    monday = datetime(2026, 3, 2, 6, tzinfo=UTC)
    loud = [announcement(f"Loud {n}", at=monday, signals={"upvotes": 100 + n}) for n in range(4)]
    await record(
        store,
        *loud,
        announcement("Best of a quiet day", at=monday + timedelta(days=2), signals={"upvotes": 40}),
        *[announcement(f"Quiet {n}", at=monday + timedelta(days=2), signals={"upvotes": 2}) for n in range(4)],
        announcement("Last of Sunday", at=monday + timedelta(days=6, hours=17)),
        announcement("Of the next week", at=monday + timedelta(days=7)),
        announcement("Of the week before", at=monday - timedelta(days=9)),
    )
    tree = await page(client_of_both, "/week/2026-W10")
    assert words(tree, "h1") == "Week 10, 2026"
    assert words(tree, ".heading p") == "2–8 March 2026: 10 papers"
    assert [" ".join(cell.text().split()) for cell in tree.css(".calendar td")] == [
        "2 4",
        "3",
        "4 5",
        "5",
        "6",
        "7",
        "8 1",
    ]
    assert links(tree, ".calendar td a") == ["/?day=2026-03-02", "/?day=2026-03-04", "/?day=2026-03-08"]
    assert titles(tree)[0] == "Best of a quiet day"
    assert "Last of Sunday" not in titles(tree)  # nobody noticed it
    assert links(tree, "nav.days a") == ["/week/2026-W08", "/week/2026-W11", "/month/2026-03"]
    assert titles(await page(client_of_both, "/week/2026-03-04")) == titles(tree)


async def test_a_month_is_a_calendar_that_leads_to_weeks_and_days(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"), announcement("Of May", at=DAY + timedelta(days=60)))
    tree = await page(client, "/month/2026-03")
    assert words(tree, "h1") == "March 2026"
    assert len(tree.css(".calendar tbody tr")) == 6
    assert len(tree.css(".calendar td > *")) == 31
    assert links(tree, ".calendar th a")[:2] == ["/week/2026-W09", "/week/2026-W10"]
    assert links(tree, "nav.days a") == ["/month/2026-05"]
    assert "Nobody counted votes" in words(tree, "p.above")


@pytest.mark.parametrize(
    "path",
    ["/week/2026-W54", "/week/2025-W53", "/week/W10", "/week/9999-W01", "/week/%D9%A2026-W01", "/month/2026-13",
     "/month/2026-3", "/month/0001-01", "/month/x", "/trending?days=8", "/trending?days=x"],
)  # fmt: skip
async def test_what_is_no_stretch_of_days_is_not_found(client: Client, path: str) -> None:
    await page(client, path, status=404)


async def test_trending_says_how_much_and_why(sqlite: Fresh) -> None:
    clock = FakeClock(DAY)
    store = await open_store(sqlite(), clock=clock)
    told = [announcement(f"Lark {n}", signals={"upvotes": n * n}, categories=("cs.CL",)) for n in range(1, 7)]
    await record(store, *told)
    clock.advance(hours=2)
    async with FittingClient(TestServer(make_web(store, {}))) as client:
        tree = await page(client, "/trending")
        assert titles(tree)[0] == "Lark 6"
        assert "36 upvotes, the most of its day" in tree.css(".why")[0].text()
        points = [float(node.text()) for node in tree.css(".votes b")]
        assert points == sorted(points, reverse=True) and points[-1] > 0
        assert "counts half as much with every day" in words(tree, ".hints p")
        assert titles(await page(client, "/trending", only="cat:cs.CV")) == []
        wrong = await page(client, "/trending", status=400, only="(cs")
        assert words(wrong, "#fault")
        assert links(wrong, "a.suggestion") == [] or links(wrong, "a.suggestion")[0].startswith(
            "/trending?days=7&only="
        )
    await store.close()


async def test_the_form_for_mail_stands_on_the_newest_day_only_where_mail_is_sent(sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"), announcement("Older", at=DAY - timedelta(days=1)))
    links_there = Links("a key", "https://papers.example.org")
    app = make_web(sqlite_store, {"email": Mailbox()}, links=links_there)
    async with FittingClient(TestServer(app)) as client:
        form = one(await page(client, "/"), "form.by-mail")
        assert "Get trending papers in your email inbox once a day" in form.text()
        fields = {node.attributes["name"] or "": node.attributes.get("value") or "" for node in form.css("input")}
        async with client.post("/mail", data=fields | {"address": "ada@example.org"}) as answer:
            assert answer.status == 200
        assert (await page(client, "/", day="2026-03-03")).css("form.by-mail") == []
    async with FittingClient(TestServer(make_web(sqlite_store, {}))) as client:
        assert (await page(client, "/")).css("form.by-mail") == []


class Mailbox:
    """Mail as the web sees it."""

    def check_address(self, address: str) -> str:
        return address


# ── what papers say is text ────────────────────────────────────────────────────────────────────────────────────────


HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' & <img src=x onerror=alert(1)> lark"


async def test_hostile_words_stay_words(client: Client, sqlite_store: Store) -> None:
    (number,) = await record(
        sqlite_store,
        announcement(
            HOSTILE,
            HOSTILE,
            authors=(HOSTILE,),
            organisation=HOSTILE,
            categories=(HOSTILE,),
            keywords=(HOSTILE,),
            url='https://example.org/"onmouseover="alert(1)',
            code_url="javascript:alert(1)",
        ),
        source='<b>"source"</b>',
    )
    for path in ("/", f"/?q={URL.build(query={'q': 'lark'}).query_string[2:]}", f"/papers/{number}", f"/?q={HOSTILE}"):
        async with client.get(path) as answer:
            text = await answer.text()
        assert not any(sign in text for sign in ("<script", "<img src=x", '<b>"source', "javascript:"))
        tree = LexborHTMLParser(text)
        assert not [node for node in tree.css("*") if any(name.startswith("on") for name in node.attributes)]
    assert "<script>alert(1)</script>" in titles(await page(client, "/"))[0]


async def test_links_lead_to_http_only_and_tell_nothing(client: Client, sqlite_store: Store) -> None:
    bad = ("javascript:alert(1)", "data:text/html,x", "ftp://example.org/", "//example.org", "https://u@example.org/")
    await record(
        sqlite_store,
        *[announcement(f"Lark {n}", url=url, code_url=url, aliases=[]) for n, url in enumerate(bad)],
        announcement("Good lark", url="http://example.org/x", code_url="https://example.org/code"),
    )
    tree = await page(client, "/")
    away = [node for node in tree.css("a") if not (node.attributes["href"] or "").startswith(("/", "#"))]
    assert {node.attributes["href"] for node in away} >= {"http://example.org/x", "https://example.org/code"}
    for node in away:
        assert (node.attributes["href"] or "").startswith(
            ("http://example.org/", "https://example.org/code", "https://arxiv.org/abs/")
        )
        assert node.attributes["rel"] == "noopener"
    assert links(tree, "h2 a").count("http://example.org/x") == 0  # titles lead to https or to our own page


async def test_tex_is_shown_readable_and_marked_whole(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement(r"D$^2$iT meets $\beta$-larks", r"With $\alpha$ and \emph{care}."))
    assert titles(await page(client, "/")) == ["D²iT meets β-larks"]
    assert [node.text() for node in (await page(client, "/", q="beta")).css("h2 mark")] != []


async def test_many_authors_are_shortened_with_their_true_number(client: Client, sqlite_store: Store) -> None:
    names = tuple(f"Author {letter}" for letter in "ABCDEFG")
    (number,) = await record(sqlite_store, announcement("A lark", authors=names, author_count=64))
    assert words(await page(client, "/"), ".byline") == "Author A, Author B, Author C and 61 more"
    whole = (await page(client, f"/papers/{number}")).css(".byline")[0].text()
    assert "Author G" in whole and "and 57 more" in whole


# ── one paper, and the frame around all ────────────────────────────────────────────────────────────────────────────


async def test_a_papers_own_page_says_everything(client: Client, sqlite_store: Store) -> None:
    (number,) = await record(
        sqlite_store,
        announcement(
            "A lark",
            "It sings. " * 60,
            categories=("cs.CL",),
            aliases=[Alias("arxiv", "2603.88888")],
            signals={"upvotes": 1},
        ),
    )
    tree = await page(client, "/papers/arxiv:2603.88888")
    assert one(tree, "link[rel=canonical]").attributes["href"] == f"/papers/{number}"
    assert words(tree, ".abstract") == ("It sings. " * 60).strip()
    assert words(tree, ".facts") == "1 upvote · seen in Hugging Face"
    assert links(tree, ".sheet > .ways a") == [
        "https://arxiv.org/abs/2603.88888",
        f"/export/papers/{number}.bib",
        f"/export/papers/{number}.ris",
    ]
    assert links(tree, "dd a[href^='/?day']") == ["/?day=2026-03-04"]
    assert [URL(link).query["text"] for link in links(tree, "dd.ways a")] == ['cat:"cs.CL"']
    assert words(await page(client, "/papers/nothing", status=404), "h1") == "No such paper"


@pytest.mark.parametrize(
    "path",
    ["/", "/?q=lark", '/?q="', "/?since=2026-01-01", "/?day=2020-01-01", "/papers/arxiv:2603.66666", "/nowhere",
     "/week/2026-W10", "/month/2026-03", "/trending"],
)  # fmt: skip
async def test_every_page_can_be_used_by_everyone(client: Client, sqlite_store: Store, path: str) -> None:
    await record(sqlite_store, announcement("A lark", "It sings. " * 60, aliases=[Alias("arxiv", "2603.66666")]))
    async with client.get(path) as answer:
        tree = LexborHTMLParser(await answer.text())
    assert one(tree, "html").attributes["lang"] == "en"
    assert one(tree, "meta[name=viewport]").attributes["content"] == "width=device-width, initial-scale=1"
    assert "dark" in (one(tree, "meta[name=color-scheme]").attributes["content"] or "")
    assert len(tree.css("h1")) == len(tree.css("main")) == len(tree.css("title")) == 1
    assert links(tree, "a.skip") == [f"#{one(tree, 'main').attributes['id']}"]
    ids = [node.attributes["id"] for node in tree.css("[id]")]
    assert len(ids) == len(set(ids))
    labelled = {node.attributes["for"] for node in tree.css("label")}
    fields = [node for node in tree.css("input") if node.attributes.get("type") != "hidden"]
    assert {node.attributes["id"] for node in fields} <= labelled
    for node in tree.css("[aria-describedby]"):
        assert node.attributes["aria-describedby"] in ids
    assert not tree.css("script, style, [style], iframe")
    for loaded in (
        *links(tree, "link[rel=stylesheet], link[rel=icon]"),
        *[n.attributes["src"] or "" for n in tree.css("[src]")],
    ):
        assert loaded.startswith("/static/")
        async with client.get(URL(loaded, encoded=True)) as answer:
            assert answer.status == 200


async def test_a_page_is_not_sent_twice(client: Client, sqlite_store: Store) -> None:
    await record(sqlite_store, announcement("A lark"))
    async with client.get("/") as answer:
        tag = answer.headers["ETag"]
    async with client.get("/", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize(
    "path", ["/", "/?day=2026-03-04", "/week/2026-W10", "/month/2026-03", "/papers/arxiv:2603.55555"]
)
async def test_a_page_is_made_again_only_after_something_was_written(
    client: Client, sqlite_store: Store, path: str
) -> None:
    named = [Alias("arxiv", "2603.55555")]
    await record(sqlite_store, announcement("A lark", aliases=named, signals={"upvotes": 1}))
    async with client.get(path) as answer:
        tag, said = answer.headers["ETag"], answer.headers["Cache-Control"]
    for _ in range(2):  # the first 304 is found out by making it, the second without
        async with client.get(path, headers={"If-None-Match": tag}) as answer:
            assert (answer.status, answer.headers["ETag"], answer.headers["Cache-Control"]) == (304, tag, said)
    async with client.get(path, headers={"If-None-Match": '"another"'}) as answer:
        assert answer.status == 200
    later = announcement("A lark", aliases=named, signals={"upvotes": 2}, at=DAY)
    async with sqlite_store.transaction() as tx:
        now = await tx.now() + timedelta(hours=1)
        await recording.record(tx, "hf_daily", 50, recording.prepare("hf_daily", [later]), owes=False, now=now)
    async with client.get(path, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert "2</b> <span>upvotes" in await answer.text() or "2 upvotes" in await answer.text()


async def test_a_first_view_weighs_less_than_60_kb(client: Client, sqlite_store: Store, shared_data: Path) -> None:
    (file,) = (shared_data / "arxiv_bulk").glob("*.jsonl.gz")
    with gzip.open(file) as stream:
        pages = list(jsonl.parse_lines(islice(stream, 50), where="bulk", captured_on=DAY.date()))
    told = [replace(each, announced_at=DAY, signals={"upvotes": 7}) for every in pages for each in every.announcements]
    await record(sqlite_store, *told)
    async with client.get("/") as answer:
        text = await answer.text()
    tree = LexborHTMLParser(text)
    assert words(tree, ".heading p").startswith("50 papers")
    weight = len(text.encode())
    for loaded in {
        *links(tree, "link[rel=stylesheet], link[rel=icon]"),
        *[n.attributes["src"] or "" for n in tree.css("[src]")],
    }:
        assert loaded.startswith("/static/")
        async with client.get(URL(loaded, encoded=True)) as answer:
            weight += len(await answer.read())
    assert weight < 60_000


async def test_a_search_can_ask_for_other_words_too_and_a_paper_shows_similar_ones(
    client: Client, sqlite_store: Store
) -> None:
    asked, other = await record(
        sqlite_store,
        announcement("Agents that browse the web", "A model clicks in web browsers.", aliases=[]),
        announcement("Surfing internet pages", "Software opens sites in a web browser by itself.", aliases=[]),
    )
    async with client.get("/", params={"q": "web agents"}) as answer:
        page = await answer.text()
        assert "In other words too" in page and "Surfing" not in page
    async with client.get("/", params={"q": "web agents", "by": "meaning"}) as answer:
        page = await answer.text()
        assert "Only those with all the words" in page and "Surfing" in page
    async with client.get(f"/papers/{asked}") as answer:
        page = await answer.text()
        assert "Similar papers" in page and f'href="/papers/{other}"' in page


async def test_the_status_says_so_while_searches_are_still_slow(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, begun = asyncio.Event(), asyncio.Event()

    async def held_up(_store: Store, *, limit: int) -> None:
        begun.set()
        await go_on.wait()

    monkeypatch.setattr(directions, "up_to_date", held_up)
    application = make_web(sqlite_store, {}, warms=True)
    warming = application[WARMING]
    assert warming is not None
    async with TestClient(TestServer(application)) as client:
        await begun.wait()
        assert "is still being read" in await (await client.get("/status")).text()
        go_on.set()
        for _ in range(500):
            await asyncio.sleep(0.01 if warming.note else 0)
        assert "is still being read" not in await (await client.get("/status")).text()
    go_on.clear()
    async with TestClient(TestServer(make_web(sqlite_store, {}, warms=True))):
        pass  # ends with its task still at work
