"""What a reader follows: follow, list, edit, unfollow."""

from collections.abc import Sequence
from dataclasses import replace

from paperlark.bots import rhythm, words
from paperlark.bots.asked import Asked, needed, wish_at
from paperlark.bots.reply import Line, Reply, Said
from paperlark.channels.buttons import Button, button, read, written
from paperlark.channels.letters import cut, legible
from paperlark.matching.query import parse
from paperlark.model.problems import QueryError, ReaderError
from paperlark.model.readers import TRENDING, Cadence, Profile, Subscription
from paperlark.readers import follow as verbs
from paperlark.readers import place, subscribe
from paperlark.readers.preview import Preview, preview

NARROWER = 3  # readings that are proposed in the place of one that floods
OFFERED = 400  # characters of each: all of them must stand in one message, above their buttons
A_PAGE = 15  # profiles of a list
FOLLOW_USAGE = 'say what to follow, for instance `/follow "test-time scaling" -vision`; `/help` tells more'
EDIT_USAGE = (
    "say which profile and its new query: `/edit 2 agents memory`, or `/edit 2 name:agents`; `/list` numbers them"
)
UNFOLLOW_USAGE = "say which profile: `/unfollow 2`, or its name; `/list` numbers them"

Told = tuple[Profile, list[Subscription]]


# ── follow ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def follow(asked: Asked) -> Reply:
    """`/follow [instant|daily|weekly] QUERY`: keep a query and tell of it here. One that would flood asks first."""
    cadence, query = split_cadence(needed(asked.text, FOLLOW_USAGE))
    found = await _preview(asked, query)
    if found.volume.floods and not await _known(asked, query):
        return _asks_first(asked, query, cadence, found)
    return await _followed(asked, query, cadence, found)


async def press_follow(asked: Asked) -> Reply:
    """Follow one of the queries that the pressed message shows, whatever it brings: the reader has seen how much."""
    number, _, cadence = asked.text.partition(":")
    query = shown_query(asked, number)
    found = await _preview(asked, query)
    reply = await _followed(asked, query, Cadence(cadence) if cadence in set(Cadence) else None, found)
    return Reply(reply.lines, notice="From now on.", ended=True)


def split_cadence(text: str) -> tuple[Cadence | None, str]:
    """A first word that says how often, and the query behind it."""
    first, _, rest = text.partition(" ")
    if first.casefold() in set(Cadence) and rest.strip():
        return Cadence(first.casefold()), rest.strip()
    return None, text


def shown_query(asked: Asked, number: str) -> str:
    """The query that a button stands for. Raises ReaderError where its message does not show it any more."""
    queries = [each for each in asked.shown if not each.startswith("/")]
    if not number.isdecimal() or not 1 <= int(number) <= len(queries):
        raise ReaderError("I cannot see the query of this button any more; `/follow QUERY` does the same")
    return queries[int(number) - 1]


async def _followed(asked: Asked, query: str, cadence: Cadence | None, found: Preview) -> Reply:
    profile = await _known(asked, query)
    again = profile is not None
    if profile is None:
        profile = await verbs.follow(asked.store, asked.me, query, name=await _free_name(asked, query))
    standing = await asked.here()
    here = standing.place if standing else None
    if cadence is None:
        told = [each for each in standing.subscriptions if each.profile_id == profile.id] if standing else []
        cadence = told[0].cadence if told else Cadence.DAILY
    wish = replace(wish_at(here), cadence=cadence)
    _, here = await subscribe.subscribe(
        asked.store, asked.me, str(profile.id), channel=asked.asker.channel, address=asked.asker.address, wish=wish
    )
    return asked.reply(
        f"{'Following already' if again else 'Following'}: {words.quoted(profile.name)}.",
        f"New papers come here {rhythm.often(cadence, here.rhythm)}. Looking back: {found.sentence}.",
        "`/when` changes the hour, `/list` shows all, `/preview QUERY` tries one out first.",
    )


async def _known(asked: Asked, query: str) -> Profile | None:
    """The profile with this very query, if there is one."""
    wanted = parse(query)
    for profile, _ in await verbs.listed(asked.store, asked.me):
        if profile.text == query or _reads_as(profile.text) == wanted:
            return profile
    return None


def _reads_as(text: str) -> object:
    try:
        return parse(text)
    except QueryError:
        return None


async def _free_name(asked: Asked, query: str) -> str:
    """What to call a query: its own words, and a number where others begin alike."""
    taken = {profile.name.casefold() for profile, _ in await verbs.listed(asked.store, asked.me)}
    base = " ".join(query.split())[: verbs.NAME_LIMIT]
    names = [base, *(f"{base[: verbs.NAME_LIMIT - 6]} ({number})" for number in range(2, verbs.PROFILES_LIMIT + 2))]
    return next(name for name in names if name.casefold() not in taken)


# ── floods ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _asks_first(asked: Asked, query: str, cadence: Cadence | None, found: Preview) -> Reply:
    lines, buttons = offers(query, found, action="follow", tail=f":{cadence}" if cadence else "")
    return asked.reply(
        f"This would bring {found.volume}, more than most people read. Nothing is saved yet.",
        *lines,
        "Press what you mean, or write a narrower `/follow`.",
        buttons=buttons,
    )


def offers(
    query: str, found: Preview, *, action: str, tail: str = ""
) -> tuple[list[Line], tuple[tuple[Button, ...], ...]]:
    """A query and its narrower readings as lines that show them as code, and a button to take each of them."""
    fitting = [each for each in found.narrower if each.volume.total and len(each.text) <= OFFERED]
    narrower = fitting[:NARROWER]
    lines: list[Line] = [(Said("1. "), words.code(one_line(query)), Said(f": {found.volume}"))]
    lines += [
        (Said(f"{at}. "), words.code(each.text), Said(f": {each.volume}")) for at, each in enumerate(narrower, start=2)
    ]
    label = "Follow" if action == "follow" else "Take"
    labels = [
        f"{label} 1 all the same" if found.volume.floods else f"{label} this" if not narrower else f"{label} 1",
        *(f"{label} {at}" for at in range(2, len(narrower) + 2)),
    ]
    made = [button(each, action, f"{at}{tail}") for at, each in enumerate(labels, start=1)]
    pressed = [each for each in made if each is not None]
    # The narrower ones first: they are what is recommended.
    return lines, tuple(row for row in (tuple(pressed[1:]), tuple(pressed[:1])) if row)


def one_line(query: str) -> str:
    """The query in one line, where that reads the same."""
    joined = ", ".join(filter(None, (each.strip().rstrip(",") for each in query.splitlines())))
    return joined if _reads_as(joined) == _reads_as(query) else query


async def _preview(asked: Asked, query: str) -> Preview:
    return await preview(asked.store, query, now=await asked.now(), account_id=asked.me)


# ── list ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def list_profiles(asked: Asked) -> Reply:
    """`/list [PAGE]`: what is followed, numbered, with its query and how often it is told here."""
    mine, here = await verbs.listed(asked.store, asked.me), await asked.here()
    trending = [each for each in here.subscriptions if each.profile_id == TRENDING] if here else []
    if not mine and not trending:
        return asked.reply(f"{asked.owner.capitalize()} {_verb(asked, 'follow')} nothing yet. `/follow QUERY` begins.")
    page = page_of(asked.text, len(mine), A_PAGE)
    first = (page - 1) * A_PAGE
    lines = [
        _profile_line(number, told, here) for number, told in enumerate(mine[first : first + A_PAGE], start=first + 1)
    ]
    more = [f"`/list {page + 1}` shows the next of {len(mine)}."] if first + A_PAGE < len(mine) else []
    if trending:
        lines.append((Said("What is trending", "bold"), Said(f", {trending[0].cadence}")))
    paused = here.place.paused_reason if here else None
    resume = [f"Sending is paused here: {paused}. `/resume` goes on."] if paused is not None else []
    return asked.reply(*lines, (), *more, *resume, "`/edit 1 QUERY` changes one, `/unfollow 1` ends it.")


def _profile_line(number: int, told: Told, here: place.Standing | None) -> Line:
    profile, subscribed = told
    often = [each.cadence for each in subscribed if here and each.destination_id == here.place.id]
    where = f", {often[0]}" if often else ", not told here" if subscribed else ", told nowhere"
    name = cut(legible(profile.name), words.NAME)
    same = " ".join(profile.text.split()) == profile.name
    query = (Said(": "), Said(cut(one_line(profile.text), words.QUERY), "code")) if not same else ()
    return (Said(f"{number}. "), Said(name, "bold"), *query, Said(where))


def page_of(text: str, total: int, size: int) -> int:
    """The page that was asked for, within what there is."""
    wanted = int(text) if text.strip().isdecimal() and len(text) < 6 else 1
    return max(1, min(wanted, -(-total // size)))


def _verb(asked: Asked, verb: str) -> str:
    return verb if asked.asker.private else f"{verb}s"


# ── edit, unfollow ─────────────────────────────────────────────────────────────────────────────────────────────────


async def edit(asked: Asked) -> Reply:
    """`/edit PROFILE QUERY` or `/edit PROFILE name:NAME`; with the profile alone it shows what to copy."""
    profile, rest = await _pick_first(asked, needed(asked.text, EDIT_USAGE))
    if not rest:
        return asked.reply(
            f"{words.quoted(profile.name)} asks for:",
            (words.code(profile.text),),
            "Copy it, change it, and send it behind `/edit` and the profile's number.",
        )
    if rest.casefold().startswith("name:"):
        renamed = await verbs.edit(asked.store, asked.me, str(profile.id), name=rest[5:].strip().strip('"'))
        return asked.reply(f"{words.quoted(profile.name)} is called {words.quoted(renamed.name)} from now on.")
    found = await _preview(asked, rest)
    if found.volume.floods:
        lines, buttons = offers(rest, found, action="edit", tail=f":{written(profile.id)}")
        return asked.reply(
            f"This would bring {found.volume}, more than most people read. {words.quoted(profile.name)} is unchanged.",
            *lines,
            "Press what you mean, or write a narrower `/edit`.",
            buttons=buttons,
        )
    return await _edited(asked, profile, rest, found)


async def press_edit(asked: Asked) -> Reply:
    """Change a profile to one of the queries that the pressed message shows."""
    number, _, target = asked.text.partition(":")
    query = shown_query(asked, number)
    profile, _ = await verbs.show(asked.store, asked.me, str(read(target)))
    reply = await _edited(asked, profile, query, await _preview(asked, query))
    return Reply(reply.lines, notice="Changed.", ended=True)


async def _edited(asked: Asked, profile: Profile, query: str, found: Preview) -> Reply:
    # A profile that was called like its query goes on being called so.
    follows_name = profile.name == " ".join(profile.text.split())[: verbs.NAME_LIMIT]
    name = await _free_name(asked, query) if follows_name and query != profile.text else None
    changed = await verbs.edit(asked.store, asked.me, str(profile.id), text=query, name=name)
    return asked.reply(
        f"Changed: {words.quoted(changed.name)} counts from now on. Looking back: {found.sentence}.",
        (Said("Before, it asked for "), words.code(one_line(profile.text))),
    )


async def unfollow(asked: Asked) -> Reply:
    """`/unfollow PROFILE`: end it everywhere; a button follows it again. `trending` ends the digest of that."""
    wanted = needed(asked.text, UNFOLLOW_USAGE)
    if wanted.casefold() == "trending" and (ended := await _no_trending(asked)):
        return ended
    profile = await pick(asked, wanted)
    await verbs.unfollow(asked.store, asked.me, str(profile.id))
    again = button("Follow it again", "follow", "1")
    return asked.reply(
        f"{words.quoted(profile.name)} is gone; nothing new is looked for. It asked for:",
        (words.code(one_line(profile.text)),),
        buttons=((again,),) if again else (),
    )


async def _no_trending(asked: Asked) -> Reply | None:
    here = await asked.here()
    told = [each for each in here.subscriptions if each.profile_id == TRENDING] if here else []
    for each in told:
        await subscribe.unsubscribe(asked.store, asked.me, each.id)
    return asked.reply("No more of what is trending. `/trending daily` brings it back.") if told else None


async def pick(asked: Asked, wanted: str) -> Profile:
    """A profile by its number in the list, its name or its id. Raises ReaderError."""
    mine = [profile for profile, _ in await verbs.listed(asked.store, asked.me)]
    named = [profile for profile in mine if profile.name.casefold() == wanted.casefold()]
    if named:
        return named[0]
    if wanted.isdecimal() and len(wanted) < 5 and 1 <= int(wanted) <= len(mine):
        return mine[int(wanted) - 1]
    return (await verbs.show(asked.store, asked.me, wanted))[0]


async def _pick_first(asked: Asked, text: str) -> tuple[Profile, str]:
    """A profile that a text begins with, and what follows it. Raises ReaderError."""
    mine = [profile for profile, _ in await verbs.listed(asked.store, asked.me)]
    for profile in sorted(mine, key=lambda each: -len(each.name)):
        if _begins_with(text, profile.name):
            return profile, text[len(profile.name) :].strip()
    first, *rest = text.split(maxsplit=1)
    return await pick(asked, first), "".join(rest).strip()


def _begins_with(text: str, name: str) -> bool:
    behind = text[len(name) : len(name) + 1]
    return text[: len(name)].casefold() == name.casefold() and (not behind or behind.isspace())


def profiles_named(mine: Sequence[Told], typed: str, limit: int) -> list[tuple[str, str]]:
    """Profiles that a reader may mean who has typed this much: their names, and their ids."""
    wanted = typed.strip().casefold()
    fitting = [profile for profile, _ in mine if wanted in profile.name.casefold()]
    fitting.sort(key=lambda each: not each.name.casefold().startswith(wanted))
    return [(cut(legible(each.name), 100), str(each.id)) for each in fitting[:limit]]
