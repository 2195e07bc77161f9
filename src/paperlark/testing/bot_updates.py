"""What people do in Telegram, as the updates that a bot is sent of it. https://core.telegram.org/bots/api#update

Chats are known by their numbers: a private chat has its reader's number, which is positive; a number below zero is a
supergroup's, unless `kinds` says that it is a "group" or a "channel".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paperlark.testing.bot_markup import utf16

DATE = 1_750_000_000
BOT = {"id": 123456, "is_bot": True, "first_name": "Paperlark", "username": "paperlark_test_bot"}

_COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@[A-Za-z]\w{3,31})?")


@dataclass
class Updates:
    """Makes updates, numbered in the order in which things happen, and the queries that want an answer."""

    kinds: dict[int, str] = field(default_factory=dict)
    next_id: int = 5000

    def update(self, **content: Any) -> dict[str, Any]:
        """An update with the next number."""
        self.next_id += 1
        return {"update_id": self.next_id, **content}

    def message(
        self, chat: int, text: str, *, by: int | None = None, topic: int | None = None, reply_thread: int | None = None
    ) -> dict[str, Any]:
        """Somebody writes. by: who, in a group; the group's own number is an administrator who stays unnamed.

        topic: of a forum. reply_thread: the number that Telegram gives replies in a group's general topic, which is
        no topic's.
        """
        kind = self.kind(chat)
        found = {
            "message_id": 900_000 + self.next_id,
            "date": DATE,
            "chat": self.chat(chat),
            "text": text,
            "entities": [
                {"type": "bot_command", "offset": utf16(text[: each.start()]), "length": utf16(each[0])}
                for each in _COMMAND.finditer(text)
            ],
        }
        if topic is not None:
            found |= {"message_thread_id": topic, "is_topic_message": True}
        elif reply_thread is not None:
            found["message_thread_id"] = reply_thread
        if kind == "channel":
            return self.update(channel_post={**found, "sender_chat": self.chat(chat)})
        if by is not None and by < 0:
            anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
            return self.update(message={**found, "from": anonymous, "sender_chat": self.chat(by)})
        return self.update(message={**found, "from": person(by if by is not None else chat)})

    def press(self, query: str, message: Mapping[str, Any], data: str, *, by: int) -> dict[str, Any]:
        """Somebody presses a button under a message."""
        asked = {"id": query, "from": person(by), "chat_instance": "1", "message": dict(message), "data": data}
        return self.update(callback_query=asked)

    def seek(self, query: str, text: str, *, by: int, offset: str = "") -> dict[str, Any]:
        """Somebody types after the bot's name in any chat."""
        return self.update(inline_query={"id": query, "from": person(by), "query": text, "offset": offset})

    def member(self, chat: int, before: str, after: str, *, by: int | None = None) -> dict[str, Any]:
        """The bot itself comes, goes, or is given other rights: "member", "left", "kicked", "administrator"."""
        return self.update(
            my_chat_member={
                "chat": self.chat(chat),
                "from": person(by if by is not None else abs(chat)),
                "date": DATE,
                "old_chat_member": membership(before, BOT),
                "new_chat_member": membership(after, BOT),
            }
        )

    def told(self, chat: int, *, by: int = 7, **said: Any) -> dict[str, Any]:
        """Something happens in a group that is told in a message: `migrate_to_chat_id`, `forum_topic_closed` …"""
        message = {"message_id": 900_000 + self.next_id, "date": DATE, "chat": self.chat(chat), "from": person(by)}
        return self.update(message={**message, **said})

    def kind(self, chat: int) -> str:
        """private, group, supergroup or channel."""
        return self.kinds.get(chat, "private" if chat > 0 else "supergroup")

    def chat(self, chat: int) -> dict[str, Any]:
        """A chat as messages name it."""
        kind = self.kind(chat)
        names = {"first_name": "Reader"} if kind == "private" else {"title": f"The {kind}"}
        return {"id": chat, "type": kind, **names}


def person(number: int) -> dict[str, Any]:
    """A person as messages name one."""
    return {"id": number, "is_bot": False, "first_name": "Ann", "last_name": f"Number{number}", "language_code": "en"}


_RIGHTS = (
    "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
    "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
    "can_edit_stories", "can_delete_stories",
)  # fmt: skip


def membership(status: str, user: Mapping[str, Any]) -> dict[str, Any]:
    """Somebody's standing in a chat."""
    found: dict[str, Any] = {"status": status, "user": dict(user)}
    match status:
        case "administrator":
            found |= dict.fromkeys(_RIGHTS, False)
        case "creator":
            found["is_anonymous"] = False
        case "kicked":
            found["until_date"] = 0
    return found
