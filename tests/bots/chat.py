"""A reader's chat with a bot, without a platform: text and buttons go in, text and buttons come out."""

from dataclasses import dataclass, field

from paperlark.bots.asker import Asker, meet
from paperlark.bots.commands import Commands
from paperlark.bots.reply import Reply
from paperlark.channels.buttons import Button, Rows
from paperlark.pipeline.planning import plan
from paperlark.store.database import Store
from paperlark.testing.channels import FakeChannel
from paperlark.testing.clock import FakeClock
from tests.builders import deliver, percolate, record, told


def text_of(reply: Reply) -> str:
    """What a reader reads, line by line."""
    return "\n".join("".join(said.text for said in line) for line in reply.lines)


def codes_of(reply: Reply) -> list[str]:
    """What is shown as code, in order: what a front end gives back when a button is pressed."""
    return [said.text for line in reply.lines for said in line if said.style == "code"]


def labels_of(rows: Rows) -> list[list[str]]:
    """What the buttons say, row by row."""
    return [[button.label for button in row] for row in rows]


@dataclass
class Chat:
    """One chat, private unless said otherwise; `heard` is the last answer, `keyboard` the buttons as they stand."""

    store: Store
    clock: FakeClock
    asker: Asker
    commands: Commands
    channel: FakeChannel = field(default_factory=FakeChannel)
    heard: Reply = field(default_factory=Reply)
    keyboard: Rows = ()

    async def says(self, line: str) -> str:
        """Type a line as on Telegram; what is answered."""
        name, _, text = line.removeprefix("/").partition(" ")
        self.heard = await self.commands.answer(self.asker, name, text)
        self.keyboard = self.heard.buttons
        return text_of(self.heard)

    async def presses(self, label: str) -> Reply:
        """Press a button of the message as it stands; the keyboard becomes what is answered."""
        (button,) = [each for row in self.keyboard for each in row if each.label.startswith(label)]
        reply = await self.commands.press(self.asker, button.data, shown=codes_of(self.heard), keyboard=self.keyboard)
        self.keyboard = () if reply.ended else reply.buttons or self.keyboard
        return reply

    def sees(self, rows: list[list[Button]]) -> None:
        """A message with these buttons stands there, as an alert has them."""
        self.keyboard = tuple(tuple(row) for row in rows)

    @property
    def labels(self) -> list[list[str]]:
        """What the buttons of the message say now."""
        return labels_of(self.keyboard)

    async def beside(self, name: str, *, private: bool = True, may_change: bool = True) -> "Chat":
        """Another chat with the same bot."""
        return await chat(self.store, self.clock, name, private=private, may_change=may_change)

    async def tell(self, number: int, title: str, abstract: str = "", **fields: object) -> int:
        """A source announces a paper; returns its id. It is percolated."""
        self.clock.advance(minutes=5)
        announcement = told(title, abstract, arxiv=f"2603.{number:05d}", at=self.clock(), **fields)  # type: ignore[arg-type]
        recorded = await record(self.store, announcement)
        await percolate(self.store)
        return recorded.papers[0]

    async def tell_all(self, *papers: tuple[str, str]) -> None:
        """A source announces papers by title and abstract, all at once."""
        self.clock.advance(minutes=5)
        numbered = enumerate(papers, start=50_000)
        some = [told(f"{title} {n}", words, arxiv=f"2603.{n}", at=self.clock()) for n, (title, words) in numbered]
        await record(self.store, *some)
        await percolate(self.store)

    async def deliver(self, *, days: float = 0, hours: float = 0) -> list[int]:
        """Time goes by, and what is due is sent; the papers that came to this chat then."""
        await plan(self.store)
        self.clock.advance(days=days, hours=hours)
        before = len(self.channel.papers_at(self.asker.address))
        await deliver(self.store, self.channel)
        return self.channel.papers_at(self.asker.address)[before:]


async def chat(store: Store, clock: FakeClock, name: str, *, private: bool = True, may_change: bool = True) -> Chat:
    """A chat of somebody, or of a group."""
    platform = "fake" if private else "fake-chat"
    asker = await meet(
        store, (platform, name), channel="fake", address=name, private=private, may_change=may_change, name=name
    )
    return Chat(store, clock, asker, Commands(store))
