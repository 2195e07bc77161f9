"""What a reader keeps and keeps away: save, not relevant, saved; mute, unmute, mutes. As commands and as buttons."""

from collections.abc import Iterable

from paperlark.bots import words
from paperlark.bots.asked import Asked, needed
from paperlark.bots.following import page_of
from paperlark.bots.papers import digest_of
from paperlark.bots.reply import Line, Reply, Said
from paperlark.channels.buttons import Button, Rows, beneath, button, of_paper, turned
from paperlark.channels.letters import cut, legible
from paperlark.model.readers import MarkKind, Mute, MuteKind
from paperlark.readers import mark as marks
from paperlark.readers import mute as mutes
from paperlark.readers.choices import choices

SHELF = 10  # saved papers of a page
PAGES = 50  # of them
LABEL = 24  # characters of what a button mutes
A_LIST = 40  # mutes that are listed
MUTE_USAGE = "say what to hear no more of: `/mute WORD`, `/mute author:NAME` or `/mute source:NAME`"
UNMUTE_USAGE = "say what to hear of again: `/unmute WORD`, `/unmute author:NAME` or `/unmute source:NAME`"


# ── papers, by button ──────────────────────────────────────────────────────────────────────────────────────────────


async def press_open(asked: Asked) -> Reply:
    """Show the row of a paper's actions, beneath the numbers where there are some."""
    paper = asked.paper
    found = await marks.marked(asked.store, asked.me, paper)
    return Reply(buttons=_with_row(asked, found))


async def press_save(asked: Asked) -> Reply:
    """Save a paper."""
    found = await marks.mark(asked.store, asked.me, asked.paper, MarkKind.SAVED)
    return Reply(
        buttons=_with_row(asked, found),
        notice=_notice(asked, "Saved. Papers like it come first from now on; `/saved` lists what you keep."),
    )


async def press_unsave(asked: Asked) -> Reply:
    """Take a paper off the shelf again."""
    found = await marks.unmark(asked.store, asked.me, asked.paper, MarkKind.SAVED)
    return Reply(buttons=_with_row(asked, found), notice="No longer saved.")


async def press_dismiss(asked: Asked) -> Reply:
    """Mark a paper as not relevant."""
    found = await marks.mark(asked.store, asked.me, asked.paper, MarkKind.DISMISSED)
    return Reply(
        buttons=_with_row(asked, found),
        notice="Not relevant: you are not told of it again, and papers like it come last from now on.",
    )


async def press_restore(asked: Asked) -> Reply:
    """Take that back."""
    found = await marks.unmark(asked.store, asked.me, asked.paper, MarkKind.DISMISSED)
    return Reply(buttons=_with_row(asked, found), notice="Taken back: its news may come again.")


async def press_choices(asked: Asked) -> Reply:
    """Offer what of a paper can be muted."""
    found = await choices(asked.store, asked.me, asked.paper)
    offered = [_mute_button(MuteKind.WORD, word) for word in found.words]
    offered += [_mute_button(MuteKind.AUTHOR, name) for name in found.authors]
    kept = [each for each in offered if each is not None]
    back = button("‹ Back", "open", asked.text)
    if not kept or back is None:
        return Reply(notice=_notice(asked, "Nothing to offer here; `/mute WORD` mutes any word, author or source."))
    return Reply(buttons=beneath(asked.keyboard, [[each] for each in kept] + [[back]]))


def _with_row(asked: Asked, found: marks.Marked) -> Rows:
    return beneath(asked.keyboard, [of_paper(found.paper.id, marks=tuple(found.marks))])


def _notice(asked: Asked, text: str) -> str:
    """A line as plain text, with this platform's names of commands."""
    return "".join(said.text for (line,) in [asked.says(text)] for said in line)


# ── mutes, by button ───────────────────────────────────────────────────────────────────────────────────────────────


async def press_mute(asked: Asked, kind: MuteKind) -> Reply:
    """Mute what a button names; it turns into its opposite."""
    muted = await mutes.mute(asked.store, asked.me, kind, asked.text)
    into = _unmute_button(muted)
    rows = turned(asked.keyboard, asked.data_of_press(f"mute-{kind}"), into) if into else ()
    return Reply(buttons=rows, notice=_told(muted))


async def press_unmute(asked: Asked, kind: MuteKind) -> Reply:
    """Hear of it again; the button turns back."""
    await mutes.unmute(asked.store, asked.me, kind, asked.text)
    into = _mute_button(kind, asked.text)
    rows = turned(asked.keyboard, asked.data_of_press(f"unmute-{kind}"), into) if into else ()
    return Reply(buttons=rows, notice=f"{_name(kind, asked.text, capital=True)} may come again.")


def _mute_button(kind: MuteKind, value: str) -> Button | None:
    """None also where the opposite would not fit: what a button does, a button can undo."""
    made = button(f"Mute {_shown(kind, value)}", f"mute-{kind}", value)
    return made if made and button("", f"unmute-{kind}", value) else None


def _unmute_button(mute: Mute) -> Button | None:
    return button(f"Unmute {_shown(mute.kind, mute.value)}", f"unmute-{mute.kind}", mute.value)


def _shown(kind: MuteKind, value: str) -> str:
    short = cut(spelt(kind, value), LABEL)
    return f"“{short}”" if kind is MuteKind.WORD else short


def spelt(kind: MuteKind, value: str) -> str:
    """What is muted as people write it: a name is kept as "song, yang"."""
    family, comma, given = legible(value).partition(", ")
    return f"{given} {family}".title() if kind is MuteKind.AUTHOR and comma else legible(value)


def _told(mute: Mute) -> str:
    """What changes with it."""
    name = cut(spelt(mute.kind, mute.value), words.NAME)
    return {
        MuteKind.WORD: f"Muted: papers with “{name}” no longer come, in any message from now on.",
        MuteKind.AUTHOR: f"Muted: papers by {name} no longer come, in any message from now on.",
        MuteKind.SOURCE: f"Muted: papers that only {name} tells of no longer come from now on.",
    }[mute.kind]


def _name(kind: MuteKind, value: str, *, capital: bool = False) -> str:
    name = cut(spelt(kind, value), words.NAME)
    text = {
        MuteKind.WORD: f"papers with “{name}”",
        MuteKind.AUTHOR: f"papers by {name}",
        MuteKind.SOURCE: f"papers of {name}",
    }[kind]
    return f"{text[:1].upper()}{text[1:]}" if capital else text


# ── mutes, by command ──────────────────────────────────────────────────────────────────────────────────────────────


async def mute(asked: Asked) -> Reply:
    """`/mute WORD`, `author:NAME` or `source:NAME`: hear no more of it."""
    kind, value = named(needed(asked.text, MUTE_USAGE))
    muted = await mutes.mute(asked.store, asked.me, kind, value)
    into = _unmute_button(muted)
    return asked.reply(
        _told(muted), "`/mutes` lists what is muted, `/unmute` takes one back.", buttons=((into,),) if into else ()
    )


async def unmute(asked: Asked) -> Reply:
    """`/unmute …`: hear of it again, given in any spelling that reads the same."""
    kind, value = named(needed(asked.text, UNMUTE_USAGE))
    await mutes.unmute(asked.store, asked.me, kind, value)
    return asked.reply(f"{_name(kind, value, capital=True)} may come again. What was kept from you meanwhile is past.")


async def list_mutes(asked: Asked) -> Reply:
    """`/mutes`: what is muted, with a button to take back each of the newest."""
    found = await mutes.muted(asked.store, asked.me)
    if not found:
        return asked.reply("Nothing is muted. `/mute WORD` mutes a word, an author or a source.")
    lines = [_mute_line(each) for each in found[-A_LIST:]]
    hidden = [f"and {len(found) - A_LIST} older ones"] if len(found) > A_LIST else []
    made = [each for each in map(_unmute_button, found[-6:]) if each is not None]
    return asked.reply(
        (Said("Muted", "bold"),),
        *lines,
        *hidden,
        "`/unmute` with the same words takes one back.",
        buttons=tuple((each,) for each in made),
    )


def named(text: str) -> tuple[MuteKind, str]:
    """What a text names: a word or phrase, or with its kind in front an author or a source."""
    kind, colon, value = text.partition(":")
    kinds: Iterable[MuteKind] = MuteKind
    for each in kinds:
        if colon and kind.strip().casefold() == each:
            return each, value.strip().strip('"') if each is not MuteKind.WORD else value.strip()
    return MuteKind.WORD, text


def _mute_line(mute: Mute) -> Line:
    prefix = "" if mute.kind is MuteKind.WORD else f"{mute.kind}:"
    return (Said("· "), Said(f"{prefix}{spelt(mute.kind, mute.value)}", "italic"))


def mutes_named(found: Iterable[Mute], typed: str, limit: int) -> list[tuple[str, str]]:
    """What is muted and fits what was typed: how it is shown, and how it is sent."""
    wanted = typed.strip().casefold()
    written_out = []
    for each in found:
        prefix = "" if each.kind is MuteKind.WORD else f"{each.kind}:"
        written_out.append((cut(f"{prefix}{spelt(each.kind, each.value)}", 100), f"{prefix}{each.value}"))
    return [each for each in written_out if wanted in each[0].casefold() or wanted in each[1]][:limit]


# ── saved ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def saved(asked: Asked) -> Reply:
    """`/saved [PAGE]`: the papers that are kept, newest first."""
    page = page_of(asked.text, SHELF * PAGES, SHELF)
    shelf = await marks.saved(asked.store, asked.me, limit=SHELF * page)
    kept = shelf.kept[SHELF * (page - 1) :]
    if not kept:
        empty = "Nothing is saved yet. The Save button under a paper keeps it." if page == 1 else "No more is saved."
        return asked.reply(empty)
    here = await asked.here()
    digest = digest_of(
        "Saved" if page == 1 else f"Saved, page {page}",
        [(each.paper, []) for each in kept],
        now=await asked.now(),
        here=here.place if here else None,
    )
    return Reply(asked.says(f"`/saved {page + 1}` shows older ones.") if shelf.after else (), digest=digest)
