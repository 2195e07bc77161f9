"""A mail's words and its wire shape: a digest, or the question whether it is wanted, as text and as HTML. Pure.

The HTML reads with images off (it has none), on a phone and in the dark: one column, its colours in each element, and
the dark ones in the one style sheet that mail programs leave alone. Text and HTML say the same.
"""

import base64
import binascii
import hashlib
import html
import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr

from paperlark.channels import letters, marked, text
from paperlark.channels.marked import Run
from paperlark.channels.text import Shown
from paperlark.model.messages import Digest, Payload, Question

SUBJECT = 150
LONGEST_LINE = 998  # octets without the line's end (RFC 5322 §2.1.1)

# ── as it is transmitted ───────────────────────────────────────────────────────────────────────────────────────────


def assembled(sender: tuple[str, str], address: str, payload: Payload, key: str, domain: str) -> bytes:
    """The message as it is transmitted: pure ASCII, the same bytes for the same arguments. RFC 5322, RFC 2045 to 2047.

    Written here line by line: the standard library's message objects take twelve times as long, cut long addresses
    into encoded words, which no mail program reads as one, and lose spaces between encoded words. sender: name and
    mailbox. domain: names the list (RFC 2919) and, with the key, the message. Raises ValueError for a line break in a
    header.
    """
    said = payload.content
    boundary = f"=_{_stamp(key)}"
    head = [
        ("From", formataddr(sender)),
        ("To", address),
        ("Subject", _words(said["subject"])),
        # Without a date the submission server adds one (RFC 6409 §8.2).
        ("Date", format_datetime(datetime.fromisoformat(said["date"])) if said["date"] else ""),
        ("Message-ID", message_id(key, domain)),
        ("List-Id", f"Paperlark <paperlark.{domain}>"),
        ("List-Unsubscribe", f"<{said['unsubscribe']}>" if said["unsubscribe"] else ""),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click" if said["unsubscribe"] else ""),
        ("Auto-Submitted", "auto-generated"),
        ("Precedence", "list"),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    lines = [f"{name}: {value}\r\n" for name, value in head if value]
    parts = [f"\r\n--{boundary}\r\n{_part(kind, said[name])}" for kind, name in (("plain", "text"), ("html", "html"))]
    return "".join([*lines, *parts, f"\r\n--{boundary}--\r\n"]).encode("ascii")


def _words(value: str) -> str:
    """A header's text, in encoded words where it needs them (RFC 2047), each line short."""
    charset = "us-ascii" if value.isascii() and "=?" not in value else "utf-8"
    if re.search("[\r\n]", value):
        raise ValueError("a header must not hold a linefeed")
    return Header(value, charset, maxlinelen=76, header_name="Subject").encode(linesep="\r\n")


def _part(kind: str, words: str) -> str:
    """One of the two parts, in the shortest way that seven bits and lines of 998 allow."""
    raw = "\r\n".join(words.split("\n")).encode()
    if raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= LONGEST_LINE:
        encoding, body = "7bit", raw
    else:
        ways = {
            "quoted-printable": binascii.b2a_qp(raw, istext=True),
            "base64": base64.encodebytes(raw).replace(b"\n", b"\r\n"),
        }
        encoding, body = min(ways.items(), key=lambda way: len(way[1]))
    head = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head + body.decode("ascii")


def message_id(key: str, domain: str) -> str:
    """The same for the same key: whatever is sent twice can be seen to be the same."""
    return f"<{_stamp(key)}@{domain}>"


def _stamp(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


# ── a digest ───────────────────────────────────────────────────────────────────────────────────────────────────────

FAREWELL = "From paperlark, as you asked."
AGAIN_TEXT = f"({text.REPEATED})\n\n"


def of_digest(digest: Digest, length: int, papers: int) -> Payload:
    """The mail of the first `papers` papers, with at most `length` code points of each abstract."""
    shown = [text.show(paper, digest.day, abstract=length) for paper in digest.papers[:papers]]
    more = digest.more + len(digest.papers) - papers
    return Payload(
        {
            "subject": _subject(digest, shown),
            "text": _text(digest, shown, more),
            "html": _html(digest, shown, more),
            "date": digest.sealed_at.isoformat() if digest.sealed_at else None,
            "unsubscribe": text.https(digest.unsubscribe_url),
            "bounce": digest.bounce,
        }
    )


def again(payload: Payload) -> Payload:
    """The mail with a line above both its parts that says that it may be a second copy; once."""
    said = payload.content
    if said["text"].startswith(AGAIN_TEXT):
        return payload
    marked = said["html"].replace(TOP, TOP + AGAIN_HTML, 1)
    return Payload({**said, "text": AGAIN_TEXT + said["text"], "html": marked})


def _subject(digest: Digest, shown: Sequence[Shown]) -> str:
    """A single paper's title, else the digest's with the day and the number of papers."""
    if len(digest.papers) == 1 and not digest.more and shown:
        return letters.cut(marked.plain(shown[0].title), SUBJECT)
    said = ", ".join(filter(None, (text.how_many(digest), text.whole_day(digest.day))))
    return letters.cut(f"{text.heading(digest)}: {said}", SUBJECT)


def _text(digest: Digest, shown: Sequence[Shown], more: int) -> str:
    lines = [text.heading(digest), text.dateline(digest)]
    if not digest.papers:
        lines += ["", *_wrapped(text.empty_note(digest))]
    for number, paper in enumerate(shown, start=1):
        lines += ["", "", *_wrapped(f"{number}. {marked.plain(paper.title)}")]
        lines += [line for line in (paper.byline, paper.facts) if line]
        lines += [address for address in (paper.link, paper.code and f"code: {paper.code}") if address]
        lines += _wrapped(marked.plain(paper.why))
        lines += ["", *_wrapped(marked.plain(paper.excerpt))] if paper.excerpt else []
    if more:
        lines += ["", "", text.remainder(more)]
    lines += ["", "-- ", FAREWELL, *_wrapped(text.health(digest))]
    lines += [f"{what}: {address}" for what, address in _ways(digest)]
    return "\n".join(lines) + "\n"


def _html(digest: Digest, shown: Sequence[Shown], more: int) -> str:
    body = [_heading(text.heading(digest), text.dateline(digest))]
    if not digest.papers:
        body.append(_paragraph(escaped(text.empty_note(digest)), "margin:0 0 24px"))
    body += [_article(paper) for paper in shown]
    if more:
        body.append(_paragraph(escaped(text.remainder(more)), "margin:24px 0 0"))
    ways = " · ".join(_anchor(address, what, f"color:{SOFT}", "s") for what, address in _ways(digest))
    body.append(_foot(FAREWELL, ways, escaped(text.health(digest))))
    preheader = "; ".join(marked.plain(paper.title) for paper in shown[:3]) or text.empty_note(digest)
    return _page(_subject(digest, shown), letters.cut(preheader, SUBJECT), body)


def _article(shown: Shown) -> str:
    """One paper. `dir=auto` lets a right-to-left title stand on its own side."""
    title = _anchor(shown.link, _marked(shown.title, "mark"), f"color:{INK};text-decoration:none", "t")
    facts = escaped(shown.facts) + (f" · {_anchor(shown.code, 'code', f'color:{ACCENT}', 'a')}" if shown.code else "")
    lines = [f'<h2 dir="auto" style="margin:0;font:600 18px/1.35 {SERIF}">{title}</h2>']
    lines += [_paragraph(escaped(shown.byline), SMALL, "s")] if shown.byline else []
    lines.append(_paragraph(facts, SMALL, "s"))
    lines += [_paragraph(_marked(shown.why, "b"), WHY, "a")] if shown.why else []
    lines += [_paragraph(_marked(shown.excerpt, "mark"), EXCERPT)] if shown.excerpt else []
    return f'<div class=l style="padding:20px 0;border-top:1px solid {LINE}">{"".join(lines)}</div>'


def _ways(digest: Digest) -> list[tuple[str, str]]:
    """Where to go from here: what, and the address."""
    ways = (
        ("read on the web", digest.page_url),
        ("change what comes, and when", digest.preferences_url),
        ("unsubscribe", digest.unsubscribe_url),
    )
    return [(what, address) for what, written in ways if (address := text.own_page(written))]


# ── a question ─────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = "Please confirm: papers by mail"


def of_question(question: Question) -> Payload:
    """The mail that asks whether papers are wanted at an address. Holds no word of whoever asked for it."""
    address = text.own_page(question.confirm_url) or question.confirm_url
    until = text.whole_day(question.until.date())
    opening = f"Somebody, probably you, asked paperlark to send to this address: {question.wanted}."
    otherwise = f"Was it not you? Then do nothing: nothing will be sent, and the question is forgotten after {until}."
    words = ["One click, and it begins", "", *_wrapped(opening), "", "Yes, send it to me:", address, ""]
    button = _anchor(address, "Yes, send it to me", BUTTON, "b")
    body = [
        _heading("One click, and it begins", ""),
        _paragraph(escaped(opening), "margin:0 0 24px"),
        _paragraph(button, "margin:0 0 24px"),
        _paragraph(escaped(otherwise), f"margin:0;color:{SOFT};font-size:15px", "s"),
    ]
    return Payload(
        {
            "subject": ASKED,
            "text": "\n".join([*words, *_wrapped(otherwise)]) + "\n",
            "html": _page(ASKED, opening, body),
            "date": question.sealed_at.isoformat(),
            "unsubscribe": None,
            "bounce": question.bounce,
        }
    )


# ── the dress ──────────────────────────────────────────────────────────────────────────────────────────────────────

PAPER, INK, SOFT, LINE, ACCENT, MARK = "#fbf9f4", "#211f1b", "#645e53", "#e2dccd", "#9c420e", "#fbdc9f"
SERIF = "Charter,Cambria,Georgia,serif"
SMALL = f"margin:4px 0 0;color:{SOFT};font-size:14px"
WHY = f"margin:6px 0 0;color:{ACCENT};font-size:14px"
EXCERPT = f"margin:8px 0 0;font:16px/1.6 {SERIF}"
BUTTON = (
    f"display:inline-block;padding:12px 22px;background:{ACCENT};color:#fff;border-radius:8px;text-decoration:none;"
    "font-weight:600"
)
STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    f"mark{{background:{MARK};color:{INK};border-radius:2px}}"
    "@media(prefers-color-scheme:dark){"
    "body,.p{background:#16181b!important;color:#e6e2da!important}"
    ".t{color:#e6e2da!important}.s{color:#a09a8e!important}.a{color:#eda56b!important}"
    ".l{border-color:#2e3237!important}.b{background:#eda56b!important;color:#16181b!important}"
    "mark{background:#5e4413;color:#e6e2da}}"
)
TOP = '<div style="max-width:620px;margin:0 auto;overflow-wrap:anywhere">'
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>{title}</title><style>{style}</style></head>
<body style="margin:0;background:{paper};color:{ink}">
<div style="display:none;max-height:0;overflow:hidden">{preheader}</div>
<div class=p style="padding:24px 20px 32px;background:{paper};color:{ink};font:16px/1.5 {sans}">
{top}
{body}
</div></div></body></html>
"""
SANS = "system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif"


def _page(title: str, preheader: str, body: Iterable[str]) -> str:
    return PAGE.format(
        title=escaped(title),
        style=STYLE,
        preheader=escaped(preheader),
        paper=PAPER,
        ink=INK,
        sans=SANS,
        top=TOP,
        body="\n".join(body),
    )


def _heading(title: str, below: str) -> str:
    brand = _paragraph("paperlark", f"margin:0 0 12px;color:{ACCENT};font:600 15px/1 {SERIF}", "a")
    said = f'<h1 dir="auto" style="margin:0;font:600 24px/1.25 {SERIF}">{escaped(title)}</h1>'
    line = _paragraph(escaped(below), SMALL, "s") if below else ""
    return f'<div style="padding:0 0 20px">{brand}{said}{line}</div>'


def _foot(*lines: str) -> str:
    said = "".join(_paragraph(line, SMALL, "s") for line in lines if line)
    return f'<div class=l style="margin:20px 0 0;padding:12px 0 0;border-top:1px solid {LINE}">{said}</div>'


def escaped(words: str) -> str:
    """Text as HTML, in an element or a quoted attribute: the one place that escapes."""
    return html.escape(words)


def _marked(runs: Iterable[Run], element: str) -> str:
    return "".join(f"<{element}>{escaped(r.text)}</{element}>" if r.marked else escaped(r.text) for r in runs)


def _anchor(address: str | None, inside: str, style: str, dark: str) -> str:
    """`inside` (HTML already) as a link, or as it is where there is nowhere to go. dark: its class after sunset."""
    return f'<a class={dark} href="{escaped(address)}" style="{style}">{inside}</a>' if address else inside


def _paragraph(inside: str, style: str, dark: str = "") -> str:
    return f'<p dir="auto"{f" class={dark}" if dark else ""} style="{style}">{inside}</p>'


AGAIN_HTML = _paragraph(f"<em>{escaped(text.REPEATED)}</em>", "margin:0 0 24px")


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, width=76, break_long_words=False, break_on_hyphens=False)
