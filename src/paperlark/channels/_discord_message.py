"""A digest as Discord shows it: an embed for each paper, in Discord's Markdown, within all limits. Pure.
https://discord.com/developers/docs/resources/message#embed-object-embed-limits

Sizes are counted in UTF-16 units: Discord does not say what it counts, and no other count is larger. Two embeds with
one address are shown as one, so that an address stands over the first paper that has it, and as a link in any other.

A sealed message is {"content", "embeds", "buttons", "post", "part", "at"}: `post` is its title in a forum, `part` its
number in the digest, `at` when the digest was sealed, in seconds since 1970, or None.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paperlark.channels import buttons, letters, marked, text
from paperlark.channels.marked import Run
from paperlark.channels.text import Shown
from paperlark.model.messages import Digest, DigestPaper, Payload

CONTENT = 2000  # units of a message's text
TITLE = 256  # units of an embed's title
DESCRIPTION = 4096  # units of an embed's text
ALL_EMBEDS = 6000  # units of all embeds of a message together
PAPERS = 9  # embeds for papers in a message: Discord shows ten, and one is for the last lines
POST = 100  # characters of a forum post's title
A_ROW, ROWS = 5, 5  # buttons side by side, and rows of them
LABEL = 80  # characters of a button

BYLINE, FACTS, WHY = 500, 600, 900  # units of the lines under a title
EXCERPT = 280  # code points of an abstract in a digest
ABSTRACTS = (2500, 1500, 700, 280, 0)  # code points of a single paper's abstract: the first that fits
CALM_PARTS = 3  # a digest gives up its excerpts before it becomes more messages than this
MANY = 40  # papers, above which no excerpts are tried
PARTS = 10  # messages of one digest

COLOUR = 0x4A6FA5

Embed = dict[str, Any]


# --- Mark-up: the one place that escapes ------------------------------------------------------------------------

_MEANT = re.compile(r"[\\*_~`|<\[\]]")
_AT_START = re.compile(r"^(\d+(?=\.)|(?=[>#+-]))")
_AT_NAME = re.compile(r"@(?=\w)")
_COUNTED = re.compile(r"^\d+:(?=v\d+:)")
_CODE = re.compile(r"(?<![\\`])`([^`]+)`(?!`)")


def escaped(words: str) -> str:
    """Text as Markdown that shows it and does nothing: no style, no link, no mention, no list.

    A word joiner after "@" keeps "@everyone" from being one, whatever else a message allows.
    """
    shown = _MEANT.sub(r"\\\g<0>", _AT_NAME.sub("@\u2060", words))
    return _AT_START.sub(r"\1\\", shown)


def dressed(words: str, around: str) -> str:
    """Text between two marks ("**", "__", "*"); its outer spaces stay outside, where Discord wants them."""
    core = words.strip()
    if not core:
        return words
    before, after = words[: len(words) - len(words.lstrip())], words[len(words.rstrip()) :]
    return f"{before}{around}{escaped(core)}{around}{after}"


def runs(pieces: Iterable[Run], around: str) -> str:
    """Runs with the marked ones between marks."""
    return "".join(dressed(run.text, around) if run.marked else escaped(run.text) for run in pieces)


def code(words: str) -> str:
    """Text as code, which is shown as it is: a query can be read back from it with `codes`."""
    return f"`{words.replace('`', chr(39))}`" if words.strip() else ""


def codes(markup: str) -> list[str]:
    """The pieces of code in a message, in order."""
    return _CODE.findall(markup)


def anchor(address: str | None, words: str) -> str:
    """A link with words, or just the words. In angle brackets, so that it makes no preview."""
    if address is None:
        return escaped(words)
    safe = re.sub(r"[()\[\]<>*_~`|\\]", lambda found: f"%{ord(found[0]):02X}", address)
    return f"[{escaped(words)}](<{safe}>)"


def units(words: str) -> int:
    """How many UTF-16 units a text has."""
    return len(words) + sum(letter > "\uffff" for letter in words)


def within(room: int, markup: str, words: str) -> str:
    """The mark-up; where it takes more than `room` units, as much of the plain words as fits."""
    length = room
    while units(markup) > room:
        markup = escaped(letters.cut(words, length))
        length = length * 3 // 4
    return markup


AGAIN = f"*{text.REPEATED}*\n"


# --- The digest -------------------------------------------------------------------------------------------------


def rendered(digest: Digest) -> list[Payload]:
    """The digest as messages, cut between papers."""
    if not digest.papers:
        note = {"description": escaped(text.empty_note(digest)), "color": COLOUR}
        return [_payload(digest, _heading(digest), [note, *_closing(digest)], post=_day_post(digest))]
    if len(digest.papers) == 1 and not digest.more:
        return [_alert(digest)]
    embeds, parts = _cut_up(digest)
    dropped = len(digest.papers) - parts[-1].stop
    payloads = []
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        payloads.append(
            _payload(
                digest,
                _heading(digest) if number == 1 else _continued(digest, number, len(parts)),
                [*embeds[part.start : part.stop], *(_closing(digest, digest.more + dropped) if last else [])],
                buttons.of_digest([paper.id for paper in digest.papers[part.start : part.stop]], first=part.start + 1),
                part=number,
                post=_day_post(digest),
            )
        )
    return payloads


def again(payload: Payload) -> Payload:
    """The message with a line above it that says that it is a second copy; once."""
    content = payload.content["content"]
    return payload if content.startswith(AGAIN) else Payload({**payload.content, "content": AGAIN + content})


def _alert(digest: Digest) -> Payload:
    """A single paper, with as much of its abstract as there is room for."""
    paper = digest.papers[0]
    closing = [said["description"] for said in _closing(digest)]
    for length in ABSTRACTS:
        embed = _embed(paper, digest, "", length, set())
        embed["description"] = "\n\n".join((embed["description"], *closing))
        if _fits([embed]):
            break
    post = letters.cut(marked.plain(text.show(paper, digest.day, abstract=0).title), POST)
    return _payload(digest, "", [embed], buttons.of_digest([paper.id]), post=post)


def _cut_up(digest: Digest) -> tuple[list[Embed], list[range]]:
    """The papers as embeds, and the messages they go into: with excerpts while that stays calm, never too many."""
    room = (PAPERS, ALL_EMBEDS - _size(_closing(digest, digest.more + len(digest.papers))))
    for length in (EXCERPT, 0) if len(digest.papers) <= MANY else (0,):
        linked: set[str] = set()
        embeds = [
            _embed(paper, digest, f"{number}. ", length, linked) for number, paper in enumerate(digest.papers, start=1)
        ]
        sizes = [(1, _size([embed])) for embed in embeds]
        if all(_fits([embed]) and size[1] <= room[1] for embed, size in zip(embeds, sizes, strict=True)):
            parts = text.pack(sizes, room)
            if len(parts) <= CALM_PARTS:
                break
    return embeds, parts[:PARTS]


def _embed(paper: DigestPaper, digest: Digest, number: str, length: int, linked: set[str]) -> Embed:
    """One paper. Without its excerpt it is always within the limits. `linked` are the addresses taken already."""
    shown = text.show(paper, digest.day, abstract=length)
    lines = _below(shown)
    embed: Embed = {
        "title": number + within(TITLE - units(number), runs(shown.title, "__"), marked.plain(shown.title)),
        "color": COLOUR,
    }
    if shown.link is not None and shown.link not in linked:
        linked.add(shown.link)
        embed["url"] = shown.link
    elif shown.link is not None:
        lines.append(anchor(shown.link, "read it"))
    return {**embed, "description": "\n".join(lines)}


def _below(shown: Shown) -> list[str]:
    """The lines under a title: who, where and when, why, and the excerpt."""
    facts = within(FACTS, escaped(shown.facts), shown.facts)
    if shown.code:
        facts += " · " + anchor(shown.code, "code")
    lines = [
        within(BYLINE, escaped(shown.byline), shown.byline),
        facts,
        within(WHY, runs(shown.why, "*"), marked.plain(shown.why)),
        f"> {runs(shown.excerpt, '**')}" if shown.excerpt else "",
    ]
    return [line for line in lines if line]


def _heading(digest: Digest) -> str:
    return f"{dressed(text.heading(digest), '**')}\n{text.dateline(digest)}"


def _continued(digest: Digest, number: int, parts: int) -> str:
    return f"{dressed(text.heading(digest), '**')} · {number} of {parts}"


def _closing(digest: Digest, more: int = 0) -> list[Embed]:
    """The last lines: what is not shown, the page, and how the sources are."""
    page = text.own_page(digest.page_url)
    lines = [anchor(page, text.remainder(more) if more else "read on the web")] if more or page else []
    if health := text.health(digest):
        lines.append(dressed(health, "*"))
    return [{"description": "\n".join(lines), "color": COLOUR}] if lines else []


def _day_post(digest: Digest) -> str:
    return letters.cut(f"{text.heading(digest)} · {text.whole_day(digest.day)}", POST)


def _fits(embeds: Sequence[Embed]) -> bool:
    return _size(embeds) <= ALL_EMBEDS and all(units(embed.get("description", "")) <= DESCRIPTION for embed in embeds)


def _size(embeds: Iterable[Embed]) -> int:
    """What counts of embeds: their words; addresses do not."""
    return sum(units(embed.get(part, "")) for embed in embeds for part in ("title", "description"))


def _payload(
    digest: Digest,
    content: str,
    embeds: list[Embed],
    keyboard: Sequence[Sequence[buttons.Button]] = (),
    *,
    part: int = 1,
    post: str,
) -> Payload:
    return Payload(
        {
            "content": content,
            "embeds": embeds,
            "buttons": [[[button.label, button.data] for button in row] for row in keyboard],
            "post": post,
            "part": part,
            "at": int(digest.sealed_at.timestamp()) if digest.sealed_at else None,
        }
    )


# --- On the wire ------------------------------------------------------------------------------------------------


def body(payload: Payload) -> dict[str, Any]:
    """A sealed message as Discord takes it: it mentions nobody. An old one, without buttons, has none."""
    content = payload.content
    made: dict[str, Any] = {"allowed_mentions": {"parse": []}, "embeds": list(content["embeds"])}
    if content["content"]:
        made["content"] = content["content"]
    if rows := components(content.get("buttons", ())):
        made["components"] = rows
    return made


def plain_body(payload: Payload) -> dict[str, Any]:
    """The message with neither embeds nor buttons, for a Discord that refuses those: titles and addresses."""
    content = payload.content
    lines = [content["content"]] if content["content"] else []
    for embed in content["embeds"]:
        title, address = embed.get("title"), embed.get("url")
        lines.append(f"{title} <{address}>" if title and address else title or embed.get("description", ""))
    said = ""
    for line in lines:
        longer = f"{said}\n{line}" if said else line
        if units(longer) > CONTENT - 2:
            said += "\n…" if said else letters.cut(line, CONTENT // 2)
            break
        said = longer
    return {"allowed_mentions": {"parse": []}, "content": said or "…"}


def components(rows: Iterable[Iterable[Sequence[str]]]) -> list[dict[str, Any]]:
    """Rows of (label, data) as Discord's buttons."""
    told: Counter[str] = Counter()
    return [
        {
            "type": 1,
            "components": [
                {"type": 2, "style": 2, "label": letters.cut(label, LABEL), "custom_id": custom_id(data, told)}
                for label, data in row
            ],
        }
        for row in fitted(list(row) for row in rows)
    ]


def custom_id(data: str, told: Counter[str]) -> str:
    """A button's data as Discord takes it: twice in a message it would be refused, so that the second is told apart by
    a number before it. `told` counts, button by button."""
    told[data] += 1
    return data if told[data] == 1 else f"{told[data]}:{data}"


def data_of(custom_id: str) -> str:
    """What the button says, however often its message has it."""
    return _COUNTED.sub("", custom_id)


def fitted(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as Discord has room for them, five of five: long ones are cut, and where there are too many, the shortest
    neighbours are put together. What finds no room even so is left out, from the end."""
    cut = [list(row[at : at + A_ROW]) for row in rows for at in range(0, len(row), A_ROW)]
    while len(cut) > ROWS:
        at = min(range(len(cut) - 1), key=lambda at: (len(cut[at]) + len(cut[at + 1]), -at))
        if len(cut[at]) + len(cut[at + 1]) > A_ROW:
            break
        cut[at : at + 2] = [cut[at] + cut[at + 1]]
    return cut[:ROWS]


def imprint(message: Mapping[str, Any]) -> str:
    """What tells a message of ours from any other, as sealed or as Discord gives it back: its letters and digits.

    Spaces and signs may come back otherwise than they were sent. Whether it is marked as a second copy does not count.
    """
    said = [str(message.get("content") or "").removeprefix(AGAIN.strip()).removeprefix(AGAIN)]
    for embed in message.get("embeds") or ():
        said += (str(embed.get("title") or ""), str(embed.get("description") or ""))
    return "".join(letter for part in said for letter in part if letter.isalnum())
