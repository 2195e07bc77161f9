"""What a reader can say to a bot, whatever the platform: the table of commands, and how they and buttons are answered.

Each story has its file: `following`, `suggesting`, `telling` (when), `answering`, `keeping`, `account`. They are
functions of one `Asked` that give a `Reply`; here stands who may ask for what, and what becomes of errors.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from zoneinfo import available_timezones

from paperlark.bots import account, answering, following, keeping, suggesting, telling
from paperlark.bots.asked import Asked
from paperlark.bots.asker import Asker
from paperlark.bots.reply import NOTICE, Line, Reply, Said
from paperlark.bots.words import code, complaint
from paperlark.channels.buttons import Button, button, decode
from paperlark.channels.letters import cut
from paperlark.model.papers import StoredPaper
from paperlark.model.problems import PaperlarkError, QueryError, ReaderError
from paperlark.model.readers import Destination, MuteKind
from paperlark.readers import follow, mute, names, place, status, subscribe
from paperlark.readers.search import stretch
from paperlark.store.database import Store

Completed = Literal["profile", "mute", "zone", "source", "author"]

CHOICE = 100  # characters of a completed choice: what Discord shows, and sends back
ADMINISTRATORS = "only administrators can change what this chat gets; write to me in private for papers of your own"
UNKNOWN_BUTTON = "this button is from another version of me; send the command again"


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a platform's menu lists it. summary: at most 100 characters. usage: what follows the name.
    changes: in a group it is for administrators only."""

    name: str
    summary: str
    usage: str = ""
    changes: bool = False
    answer: Callable[[Asked], Awaitable[Reply]] = field(kw_only=True)


async def help_(asked: Asked) -> Reply:
    """`/help`: every command in a line."""
    lines = [
        (Said(f"{asked.prefix}{each.name} {each.usage}".strip(), "code"), Said(f" {each.summary}")) for each in COMMANDS
    ]
    pages = [f"On the web: {asked.page_url}"] if asked.page_url else []
    return asked.reply(
        *lines,
        (),
        "A query is words that must all occur; a comma or a new line begins an alternative.",
        '`"as it stands"`, `word*`, `-without`, `title:word`, `author:song`, `cat:cs.CL`, `upvotes:>=20`',
        *pages,
    )


COMMANDS: tuple[Command, ...] = (
    Command("start", "What this is, and what to type next", answer=account.start),
    Command("follow", "Be told of new papers", "[instant|daily|weekly] QUERY", True, answer=following.follow),
    Command("list", "What you follow", answer=following.list_profiles),
    Command("edit", "Change a query, or its name", "NUMBER QUERY", True, answer=following.edit),
    Command("unfollow", "End a query", "NUMBER", True, answer=following.unfollow),
    Command("preview", "What a query would have brought", "QUERY", answer=answering.try_out),
    Command("suggest", "What else a query of yours could ask for", "NUMBER", answer=suggesting.suggest),
    Command("digest", "Send now what waits for you", changes=True, answer=telling.digest),
    Command("when", "How often, at what hour, quiet hours", "[daily 08:30 Europe/Berlin quiet 22-7]", True,
            answer=telling.when),
    Command("search", "Find papers in the archive", "QUERY", answer=answering.search),
    Command("similar", "Papers like one", "PAPER", answer=answering.papers_like),
    Command("trending", "What is trending; “daily” sends it every day", "[daily|weekly|QUERY]",
            answer=answering.trending),
    Command("why", "Why you were told of a paper, or why not", "PAPER", answer=answering.explain),
    Command("saved", "The papers that you saved", answer=keeping.saved),
    Command("mute", "Hear no more of a word, an author or a source", "WORD", True, answer=keeping.mute),
    Command("unmute", "Hear of it again", "WORD", True, answer=keeping.unmute),
    Command("mutes", "What is muted", answer=keeping.list_mutes),
    Command("pause", "Send nothing for a while", "[3 days]", True, answer=telling.pause),
    Command("resume", "Send again", changes=True, answer=telling.resume),
    Command("status", "How the sources are, and your deliveries", answer=telling.report),
    Command("link", "Be one reader here and elsewhere", "[CODE]", True, answer=account.link),
    Command("export", "All that is kept of you, as a file", changes=True, answer=account.export),
    Command("delete_my_data", "Delete all that is kept of you", changes=True, answer=account.delete),
    Command("help", "Every command, and how a query is written", answer=help_),
)  # fmt: skip

_BY_NAME = {each.name: each for each in COMMANDS}

_LOOKS: dict[str, Callable[[Asked], Awaitable[Reply]]] = {
    "open": keeping.press_open,
    "why": answering.press_why,
    "mute": keeping.press_choices,
    "cancel": account.press_cancel,
}
"""What a button does that changes nothing."""

_CHANGES: dict[str, Callable[[Asked], Awaitable[Reply]]] = {
    "save": keeping.press_save,
    "unsave": keeping.press_unsave,
    "dismiss": keeping.press_dismiss,
    "restore": keeping.press_restore,
    "follow": following.press_follow,
    "edit": following.press_edit,
    "delete": account.press_delete,
    **{f"mute-{kind}": partial(keeping.press_mute, kind=kind) for kind in MuteKind},
    **{f"unmute-{kind}": partial(keeping.press_unmute, kind=kind) for kind in MuteKind},
}


class Commands:
    """Answers readers. It keeps nothing in memory."""

    def __init__(self, store: Store, *, page_url: str | None = None, prefix: str = "/") -> None:
        """page_url: this paperlark's own pages, if it has any. prefix: what readers type before a command's name here
        ("/", "/papers ")."""
        self._store = store
        self._page_url = page_url
        self._prefix = prefix

    async def answer(self, asker: Asker, name: str, text: str = "") -> Reply:
        """Do what a command says. What cannot be done is said in the reply; expected errors are never raised."""
        asked = Asked(self._store, asker, text.strip(), self._prefix, self._page_url)
        command = _BY_NAME.get(name.casefold())
        if command is None:
            return asked.reply("I do not know that command. `/help` lists them all.")
        # To be told of what is trending changes what a chat gets; to look at it does not.
        changes = command.changes or (name == "trending" and text.strip().casefold() in ("daily", "weekly", "instant"))
        if changes and not asker.may_change:
            return Reply((complaint(ReaderError(ADMINISTRATORS), self._prefix),))
        try:
            return await command.answer(asked)
        except QueryError as error:
            return _unread(asked, error, command)
        except PaperlarkError as error:
            return Reply((complaint(error, self._prefix),))

    async def press(
        self, asker: Asker, data: str, *, shown: Sequence[str] = (), keyboard: Sequence[Sequence[Button]] = ()
    ) -> Reply:
        """Do what a button says. shown: the queries that its message shows as code, in order. keyboard: the buttons
        that stand under the message now, as far as the platform tells."""
        pressed = decode(data)
        if pressed is None:
            return Reply(notice=_notice(UNKNOWN_BUTTON, self._prefix))
        asked = Asked(
            self._store, asker, pressed.value, self._prefix, self._page_url,
            tuple(shown), tuple(tuple(row) for row in keyboard),
        )  # fmt: skip
        if pressed.action in _CHANGES and not asker.may_change:
            return Reply(notice=_notice(ADMINISTRATORS, self._prefix))
        try:
            return await (_LOOKS | _CHANGES)[pressed.action](asked)
        except PaperlarkError as error:
            return Reply(notice=_notice(str(error), self._prefix))

    async def complete(self, asker: Asker, what: Completed, typed: str, limit: int = 25) -> list[tuple[str, str]]:
        """What a reader may mean who has typed this much: what to show, and what to send; each at most 100 characters.

        Never raises for what was typed: there is nothing to offer then.
        """
        match what:
            case "profile":
                found = following.profiles_named(await follow.listed(self._store, asker.account_id), typed, limit)
            case "mute":
                found = keeping.mutes_named(await mute.muted(self._store, asker.account_id), typed, limit)
            case "source":
                found = [(each.source.name,) * 2 for each in await status.sources(self._store)]
                found = _fitting(found, typed, limit)
            case "zone":
                found = _fitting([(each, each) for each in sorted(available_timezones())], typed, limit)
            case "author":
                found = await self._authors(typed, limit)
        return [(shown, sent) for shown, sent in found if len(sent) <= CHOICE]

    async def found(self, text: str, limit: int = 20) -> list[StoredPaper]:
        """The papers that meet a text, best first, for whoever asks in passing; none where it cannot be read."""
        try:
            return [each.paper for each in (await stretch(self._store, text.strip() or None, limit=limit)).found]
        except (QueryError, ReaderError):
            return []

    async def came(self, asker: Asker) -> None:
        """The reader can be told here again (unblocked, let in again): what was paused for that goes on. What a reader
        paused stays so."""
        for each in await self._places(asker):
            if (each.paused_reason or "").startswith(f"{asker.channel}: "):
                await subscribe.resume(self._store, asker.account_id, each.id)

    async def left(self, asker: Asker, reason: str) -> None:
        """Nothing can be told here any more (blocked, kicked, topic closed): it is paused, and the reason is kept."""
        named = f"{asker.channel}: "  # as adapters' errors begin: so `came` knows it for the platform's doing
        reason = named + reason.removeprefix(named)
        for each in await self._places(asker):
            if each.paused_reason is None:
                await subscribe.pause(self._store, asker.account_id, each.id, reason=reason)

    async def moved(self, asker: Asker, address: str, identity: tuple[str, str]) -> None:
        """The asker's chat has a new address, and is known by a new identity from now on."""
        await place.moved(self._store, asker.account_id, asker.channel, asker.address, address, identity)

    async def _places(self, asker: Asker) -> list[Destination]:
        mine = await subscribe.destinations(self._store, asker.account_id)
        return [each for each in mine if (each.channel, each.address) == (asker.channel, asker.address)]

    async def _authors(self, typed: str, limit: int) -> list[tuple[str, str]]:
        try:
            return [
                (cut(each.name, CHOICE), each.name) for each in await names.similar(self._store, typed, limit=limit)
            ]
        except ReaderError:
            return []


def _unread(asked: Asked, error: QueryError, command: Command) -> Reply:
    """A query that cannot be read: where, and the nearest reading, which a button takes where the command follows."""
    where = f" at column {error.at.column}" if error.at and error.at.line == 1 else ""
    where = f" at line {error.at.line}, column {error.at.column}" if error.at and error.at.line > 1 else where
    lines: list[Line] = [(Said(f"I cannot read that query: {error.message}{where}."),)]
    if error.suggestion is None:
        return asked.reply(*lines, "`/help` shows how a query is written.")
    lines.append((Said("Did you mean "), code(following.one_line(error.suggestion)), Said("?")))
    take = button("Yes, follow that", "follow", "1") if command.name == "follow" else None
    return asked.reply(*lines, buttons=((take,),) if take else ())


def _notice(text: str, prefix: str) -> str:
    said = "".join(each.text for each in complaint(ReaderError(text), prefix))
    return cut(said, NOTICE)


def _fitting(found: Sequence[tuple[str, str]], typed: str, limit: int) -> list[tuple[str, str]]:
    wanted = typed.strip().casefold().replace(" ", "_")
    fitting = [each for each in found if wanted in each[0].casefold()]
    return sorted(fitting, key=lambda each: not each[0].casefold().startswith(wanted))[:limit]
