"""One question to a bot, with all that an answer needs."""

from dataclasses import dataclass
from datetime import datetime

from paperlark.bots.asker import Asker
from paperlark.bots.reply import Line, Reply
from paperlark.bots.words import line
from paperlark.channels.buttons import Rows, encode, read
from paperlark.model.problems import ReaderError
from paperlark.model.readers import Destination
from paperlark.readers.place import Standing, at
from paperlark.readers.subscribe import Wish
from paperlark.store.database import Store


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what. text: what stands behind the command, or a button's value. shown, keyboard: the queries and
    the buttons of the message whose button was pressed."""

    store: Store
    asker: Asker
    text: str
    prefix: str = "/"
    page_url: str | None = None
    shown: tuple[str, ...] = ()
    keyboard: Rows = ()

    @property
    def me(self) -> int:
        """The account."""
        return self.asker.account_id

    @property
    def owner(self) -> str:
        """Whose profiles these are, in a sentence: "you" in private, "this chat" elsewhere."""
        return "you" if self.asker.private else "this chat"

    def says(self, *lines: str | Line) -> tuple[Line, ...]:
        """Lines of an answer; of plain text what stands between backticks is code."""
        return tuple(line(each, self.prefix) if isinstance(each, str) else each for each in lines)

    def reply(self, *lines: str | Line, buttons: Rows = ()) -> Reply:
        """An answer in words."""
        return Reply(self.says(*lines), buttons=buttons)

    async def now(self) -> datetime:
        """The moment, by the database's clock."""
        return await self.store.now()

    async def here(self) -> Standing | None:
        """How the place stands where it is asked; None where nothing was ever told."""
        return await at(self.store, self.me, self.asker.channel, self.asker.address)

    @property
    def paper(self) -> str:
        """The paper of the button that was pressed. Raises ReaderError where it names none."""
        number = read(self.text)
        if number is None:
            raise ReaderError("I do not know the paper of this button any more")
        return str(number)

    def data_of_press(self, action: str) -> str:
        """The data of the button that was pressed."""
        return encode(action, self.text)


def wish_at(place: Destination | None) -> Wish:
    """How a place is told now: what is not asked for stays as it is."""
    return Wish(rhythm=place.rhythm, cap=place.cap, empty=place.empty) if place else Wish()


def needed(text: str, usage: str) -> str:
    """What stands behind a command. Raises ReaderError, saying how it is used, where nothing does."""
    text = text.strip()
    if not text:
        raise ReaderError(usage)
    return text
