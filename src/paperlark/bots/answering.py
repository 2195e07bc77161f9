"""What a reader asks: preview, why, search, trending."""

from collections.abc import Iterator
from dataclasses import replace

from paperlark.bots import words
from paperlark.bots.asked import Asked, needed, wish_at
from paperlark.bots.following import offers
from paperlark.bots.papers import digest_of, title_line
from paperlark.bots.reply import NOTICE, Line, Reply, Said
from paperlark.bots.words import day_and_hour
from paperlark.channels.letters import cut
from paperlark.channels.text import because, count
from paperlark.model.messages import DigestPaper, Reason
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import ReaderError
from paperlark.model.readers import TRENDING, Cadence
from paperlark.readers import place, subscribe
from paperlark.readers.meaning import stretch as by_meaning
from paperlark.readers.preview import Preview, preview
from paperlark.readers.search import stretch
from paperlark.readers.similar import similar
from paperlark.readers.trending import trending as now_trending
from paperlark.readers.way import Because
from paperlark.readers.why import Led, why
from paperlark.readers.why_not import Verdict, why_not

BARS = 30  # days of a preview, a bar for each
EXAMPLES = 3
FOUND = 8  # papers of a search
TRENDING_SHOWN = 10
VERDICTS = 6  # profiles whose verdict on one paper is told
PREVIEW_USAGE = "say what to try, for instance `/preview agents memory`"
SIMILAR_USAGE = "say which paper, for instance `/similar 2510.02283`"
SEARCH_USAGE = "say what to look for, for instance `/search diffusion author:song`"
WHY_USAGE = "say of which paper, for instance `/why 2510.02283`; an arXiv id, a DOI or an address"


# ── preview ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def try_out(asked: Asked) -> Reply:
    """`/preview QUERY`: what it would have brought in the last 30 days, with buttons that follow it, or a narrower
    reading."""
    query = needed(asked.text, PREVIEW_USAGE)
    found = await preview(asked.store, query, now=await asked.now(), account_id=asked.me)
    lines, buttons = offers(query, found, action="follow")
    return asked.reply(*_of_preview(found), (), *lines, buttons=buttons)


def _of_preview(found: Preview) -> list[str | Line]:
    drawn, each = found.drawn(BARS)
    days = f"each bar {count(each, 'day')}" if each > 1 else f"the last {found.days} days"
    lines: list[str | Line] = [(Said(drawn), Said(f" {days}"))]
    lines.append(f"{found.sentence[:1].upper()}{found.sentence[1:]}.")
    if found.volume.floods:
        lines.append("That is more than most people read.")
    if found.missed:
        lines.append(f"It misses {found.missed} of the {count(found.saved, 'paper')} that you saved.")
    lines += [(Said("· "), *title_line(example.paper)) for example in found.examples[:EXAMPLES]]
    return lines


# ── why ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def explain(asked: Asked) -> Reply:
    """`/why PAPER`: what led to a paper, and for each profile why it was told, or why not."""
    wanted = needed(asked.text, WHY_USAGE).split()[0]
    return asked.reply(*await _explained(asked, wanted))


async def press_why(asked: Asked) -> Reply:
    """The same of a button's paper: at once where it is short, else as a message."""
    lines = asked.says(*(await _explained(asked, asked.paper))[1:])
    said = "\n".join("".join(each.text for each in line) for line in lines)
    return Reply(notice=said) if len(said) <= NOTICE else Reply(lines)


async def _explained(asked: Asked, wanted: str) -> list[str | Line]:
    answer = await why_not(asked.store, asked.me, wanted)
    if answer.paper is None:
        return [(Said(wanted, "bold"),), *(line for each in answer.verdicts for line in _verdict(asked, each, True))]
    _, led = await why(asked.store, asked.me, wanted)
    # Where some profiles led to it, what the others lack is no answer.
    met = {each.profile.id for each in led}
    verdicts = [each for each in answer.verdicts if not met or each.profile is None or each.profile.id in met]
    alone = len({each.profile.id for each in verdicts if each.profile}) <= 1
    lines: list[str | Line] = [title_line(answer.paper)]
    lines += [_led(each, answer.paper) for each in led[:VERDICTS]]
    lines += [line for each in verdicts[:VERDICTS] for line in _verdict(asked, each, alone)]
    hidden = len(verdicts) - VERDICTS
    return [*lines, f"and {count(hidden, 'more profile')}"] if hidden > 0 else lines


def _led(led: Led, paper: StoredPaper) -> Line:
    name = words.quoted(led.profile.name)
    if not led.alternatives:
        return (Said(f"{name} led to it; the paper has changed since."),)
    spans = tuple(dict.fromkeys(span for found in led.alternatives for span in found.spans))
    met = because(Reason(led.profile.name, spans), DigestPaper.of(paper))
    return (Said(f"{name} led to it{f': {met}' if met else ''}."),)


def _verdict(asked: Asked, verdict: Verdict, alone: bool) -> Iterator[str]:
    """The cause that decides, and what else is true; with the profile's name, unless it is alone or says so itself."""
    name = words.quoted(verdict.profile.name) if verdict.profile else ""
    said = _here(asked, verdict.because)
    yield said if alone or not name or said.startswith(name) else f"{name}: {said}"
    for each in verdict.also[:2]:
        yield f"Also: {_here(asked, each)}"


def _here(asked: Asked, because: Because) -> str:
    """A sentence that names this place by its address says "here", or "this chat"."""
    place = f"{asked.asker.channel} {asked.asker.address}"
    return because.sentence.replace(f"to {place}", "here").replace(f"at {place}", "here").replace(place, "this chat")


# ── search ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def search(asked: Asked) -> Reply:
    """`/search QUERY`: the papers that meet it, best first, with their buttons."""
    query = needed(asked.text, SEARCH_USAGE)
    found = await stretch(asked.store, query, limit=FOUND)
    said: tuple[str, ...] = ()
    if not found.found:
        found = await by_meaning(asked.store, query, limit=FOUND)
        said = ("No paper has all of this. Nearest to it:",)
    if not found.found:
        return asked.reply("No paper of the archive meets this. `/preview` shows what part of it brings nothing.")
    here = await asked.here()
    digest = digest_of(
        f"Found: {cut(query, words.NAME)}",
        [(each.paper, [Reason("your search", each.matched)] if each.matched else []) for each in found.found],
        now=await asked.now(),
        here=here.place if here else None,
        more=max(0, (found.total or 0) - len(found.found)),
    )
    return Reply(asked.says(*said) if said else (), digest=digest)


async def papers_like(asked: Asked) -> Reply:
    """`/similar PAPER`: the papers most like one, each with what it has in common."""
    alike = await similar(asked.store, needed(asked.text, SIMILAR_USAGE), limit=FOUND)
    if not alike.papers:
        return asked.reply("No paper of the archive is like this one.")
    here = await asked.here()
    digest = digest_of(
        f"Like: {cut(words.title(alike.of.title), words.NAME)}",
        [(each.paper, [Reason("similar", said=each.sentence)]) for each in alike.papers],
        now=await asked.now(),
        here=here.place if here else None,
    )
    return Reply(asked.says(f"{alike.note}.") if alike.note else (), digest=digest)


# ── trending ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def trending(asked: Asked) -> Reply:
    """`/trending [QUERY]`: what is trending now, and why; `/trending daily` or `weekly` tells of it from now on."""
    words_said = asked.text.split()
    if len(words_said) == 1 and words_said[0].casefold() in set(Cadence):
        return await _told_of_trending(asked, Cadence(words_said[0].casefold()))
    now, here = await asked.now(), await asked.here()
    found = await now_trending(asked.store, now=now, limit=TRENDING_SHOWN, query=asked.text.strip() or None)
    if not found.trends:
        return asked.reply("Nothing is trending." if not asked.text.strip() else "Nothing that is trending meets this.")
    digest = digest_of(
        "Trending",
        [(each.paper, [Reason("trending", said=each.reason)]) for each in found.trends],
        now=now,
        here=here.place if here else None,
    )
    told = here is not None and any(each.profile_id == TRENDING for each in here.subscriptions)
    return Reply(() if told else asked.says("`/trending daily` sends this every day."), digest=digest)


async def _told_of_trending(asked: Asked, cadence: Cadence) -> Reply:
    if cadence is Cadence.INSTANT:
        raise ReaderError("what is trending comes as a digest; `/trending daily` or `/trending weekly`")
    here = await asked.here()
    wish = replace(wish_at(here.place if here else None), cadence=cadence)
    await subscribe.subscribe_trending(
        asked.store, asked.me, channel=asked.asker.channel, address=asked.asker.address, wish=wish
    )
    standing = await place.at(asked.store, asked.me, asked.asker.channel, asked.asker.address)
    first = standing.next_at if standing else None
    zone, now = (standing.place.rhythm.zone if standing else "UTC"), await asked.now()
    begins = f" The next comes {day_and_hour(first, zone, now)}." if first else ""
    return asked.reply(f"What is trending comes here {cadence}.{begins}", "`/unfollow trending` ends it.")
