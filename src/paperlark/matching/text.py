"""A stored string becomes tokens, the same for the percolator, the archive's search and the highlighter.

What is folded: case, accents, ligatures and compatibility forms (Unicode NFKD: mathematical alphanumerics, full-width,
superscripts), letters of other scripts that stand in a Latin word (UTS 39), a Greek letter alone to its name, TeX.
What is not: everything between words separates them, so words meet at their boundaries only.

Hyphens tie words into a compound (`test-time`). A compound is read open (test, time) and closed (testtime):

- a text's words that hyphens tie may be read closed, up to three in a row;
- a query's words (a quoted phrase, or a compound) may be written closed in the text, up to three in a row.

So the query `test-time` meets test-time, test time and testtime, and so does `"test time"`; the query `testtime` meets
testtime and test-time. It does not meet "test time": else `notable` would meet "are not able".
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from functools import cache, partial
from itertools import accumulate, compress
from typing import NamedTuple

import Stemmer

from paperlark.matching import tex

CLOSED_PARTS = 3
"""How many words at most are read closed, as one."""


class Token(NamedTuple):
    """One word of a text.

    word   folded: what a quoted phrase compares
    stem   of the folded word: what an unquoted word compares
    exact  without mark-up and accents, case kept: what `=WORD` compares
    start, end   where it stands: code points of the text as given, text[start:end] is the word as written
    tied   a single hyphen, and nothing else, stands between this word and the next
    """

    word: str
    stem: str
    exact: str
    start: int
    end: int
    tied: bool


class Columns(NamedTuple):
    """The same, column by column and without the places: what most readers need, at half the price."""

    words: list[str]
    stems: list[str]
    exacts: list[str]
    ties: list[bool]


class Placed(NamedTuple):
    """The same, and where each word stands: what marking words needs."""

    columns: Columns
    begins: list[int]
    finishes: list[int]


# Scripts written without spaces: each letter is a word, so that a query of several is a phrase.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_ASCII_WORD = re.compile(r"([A-Za-z0-9]+)")
_WORD = re.compile(rf"([A-Za-z]\+\+(?![A-Za-z+])|[CFcf]\#(?!\w)|[{_UNSPACED}]|[^\W_{_UNSPACED}]+)")

_STRETCH = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]")  # of plain characters; or one that is not

_token = partial(tuple.__new__, Token)


def tokenise(text: str) -> tuple[Token, ...]:
    """The words of a text, in order. Never raises."""
    columns, begins, finishes = placed(text)
    return tuple(map(_token, zip(*columns[:3], begins, finishes, columns.ties, strict=True)))


def placed(text: str) -> Placed:
    """The same, column by column."""
    parts, begins, finishes = _parts(text)
    offsets = list(accumulate(map(len, parts)))
    if begins is None or finishes is None:
        starts, ends = offsets[0:-1:2], offsets[1::2]
    else:
        starts = [begins[at] for at in offsets[0:-1:2]]
        ends = [finishes[at - 1] for at in offsets[1::2]]
    return Placed(_columns(parts, mixed=begins is not None), starts, ends)


def columns(text: str) -> Columns:
    """What `tokenise` finds, without the places."""
    parts, begins, _ = _parts(text)
    return _columns(parts, mixed=begins is not None)


def closed(text: Columns) -> Columns:
    """The compounds of a text, read closed: every two and three words that hyphens tie. None of these is tied."""
    words: list[str] = []
    exacts: list[str] = []
    for first in compress(range(len(text.words)), text.ties):
        last = first
        while last - first < CLOSED_PARTS - 1 and text.ties[last]:
            last += 1
            words.append("".join(text.words[first : last + 1]))
            exacts.append("".join(text.exacts[first : last + 1]))
    return Columns(words, list(map(_STEMS.__getitem__, words)), exacts, [False] * len(words))


def fold(exact: str) -> str:
    """The folded form of one word, given as `Token.exact`."""
    if exact.isascii():
        special = exact[1:]
        if special == "++":
            return exact[0].lower() + "plusplus"
        return exact[0].lower() + "sharp" if special == "#" else exact.lower()
    return "".join(_PLAIN[character] for character in exact.casefold()).casefold()


def stem(word: str) -> str:
    """The stem of a folded word: Snowball's English stemmer, and the plurals of acronyms that it leaves alone."""
    return _STEMS[word]


def stems(words: Sequence[bytes]) -> list[bytes]:
    """The stems of many folded words at once, UTF-8 in and out. None of them is kept."""
    asked = [word for word in words if word.isalpha()]
    with _stemming:
        found = dict(zip(asked, _snowball().stemWords(asked), strict=True))
    for word in asked:
        if word.endswith(b"s") and _is_plural(word.decode()):
            found[word] = word[:-1]
    return [found.get(word, word) for word in words]


def title_key(title: str) -> str:
    """The key under which two spellings of one title meet: its letters and digits, folded, without mark-up.

    Some pages drop the backslashes, dollars and braces of TeX and leave the names of commands behind
    (`$\\scriptsize\\mathtt{F}$Laws` becomes `scriptsizeFLaws`): such a name in front of a capital or a digit is no part
    of the title. A title without any letter or digit is its own key.
    """
    if plain_ascii(title) and not _RESIDUE_ANYWHERE.search(title):
        key = "".join(_ASCII_WORD.findall(title)).lower()
    else:
        key = "".join(fold(_RESIDUE.sub("", token.exact)) for token in tokenise(title))
    return key or " ".join(title.split())


# Only names that are no English words: "smallF" may be somebody's model.
_RESIDUES = sorted(
    (
        name
        for name in tex.FORMATTING
        if re.match(r"(?:math|text)\w|\w+(?:size|style)$|ensuremath|operatorname|bold", name)
    ),
    key=len,
    reverse=True,
)
_RESIDUE = re.compile(rf"^(?:{'|'.join(_RESIDUES)})+(?=[A-Z0-9])")
_RESIDUE_ANYWHERE = re.compile("|".join(_RESIDUES))


def readable(text: str) -> str:
    """TeX as Unicode for channels without math: `D$^2$iT` is D²iT, `$\\beta$` is β. Never raises.

    Each stretch of mark-up is turned by itself, and stays as written unless what comes out holds the same words.
    """
    if "\\" not in text and "$" not in text:
        return text
    return tex.MARKED.sub(_unmarked, text)


def _unmarked(found: re.Match[str]) -> str:
    marked = found[0]
    shown = tex.shown(marked)
    if not shown.strip() or set(shown) & set("\\${}"):
        return marked
    if [t.word for t in tokenise(shown)] != [t.word for t in tokenise(marked)]:
        return marked
    return _parted(shown.strip(), found) if marked.startswith("$") else shown


def _parted(shown: str, math: re.Match[str]) -> str:
    """White space at the edge of math is not shown, but for what it parts from the word beside it."""
    text, said = math.string, math[0].strip("$")
    before, after = text[max(math.start() - 1, 0) : math.start()], text[math.end() : math.end() + 1]
    left = " " if said[0].isspace() and before and not before.isspace() else ""
    right = " " if said[-1].isspace() and after and not after.isspace() else ""
    return f"{left}{shown}{right}"


# Letters that NFKD leaves whole; marks of trade that it would spell out; hyphens, and dashes that are none.
_LETTERS = {
    "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d",
    "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "ng", "Ŋ": "NG", "ẞ": "SS", "ß": "ss",
    "ʼ": "'", "ʹ": "'", "ʻ": "'", "™": "", "℠": "",
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "﹣": "-", "－": "-",
}  # fmt: skip

# Letters that look like a Latin one (UTS 39, confusables): read so where a word also has Latin letters.
_LOOK_ALIKE = dict(zip("АВЕКМНОРСТХУІЅЈԌаеорсухіѕјһԁԛԝ", "ABEKMHOPCTXYISJGaeopcyxisjhdqw", strict=True)) | dict(
    zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)
)
_GREEK_NAMES = tex.GREEK | {letter.upper(): name.capitalize() for letter, name in tex.GREEK.items()} | {"ς": "sigma"}


def _parts(text: str) -> tuple[list[str], list[int] | None, list[int] | None]:
    """The text cut into gap, word, gap, …, word, gap. Where that is not the text as it stands: where each character of
    the joined parts begins and ends in it."""
    if plain_ascii(text):
        return _ASCII_WORD.split(text), None, None
    plain, begins, finishes = _without_mark_up(text)
    return (_ASCII_WORD if plain_ascii(plain) else _WORD).split(plain), begins, finishes


def bare(text: str) -> str:
    """The text without TeX, accents and compatibility forms: its words are those of the text, and where it is plain
    letters they can be read from it as they stand (`plain_letters`)."""
    if "\\" in text or "$" in text:
        text = "".join([said for said, *_ in tex.pieces(text)])
    return text if text.isascii() else _NOT_ASCII.sub(lambda found: _PLAIN[found[0]], text)


def plain_letters(text: str) -> bool:
    """True where each stretch of ASCII letters and digits is a word, and nothing else is."""
    return text.isascii() and not ("#" in text or "++" in text)


def spelled(bare_text: str) -> str:
    """The words of a bare text as `columns` has them, with their case: after each a `-` where a hyphen ties it to the
    next, else a space. At half the price, for whoever looks up the rest of a word by itself."""
    parts = _WORD.split(bare_text)
    words = [exact if exact.isascii() else _settled(exact) for exact in parts[1::2]]
    return "".join([word + ("-" if gap == "-" else " ") for word, gap in zip(words, parts[2::2], strict=True)])


def plain_ascii(text: str) -> bool:
    """True where the words stand in the text as they are: no mark-up, and no sign that belongs to a word."""
    return text.isascii() and not ("\\" in text or "$" in text or "#" in text or "++" in text)


def _columns(parts: list[str], *, mixed: bool) -> Columns:
    exacts = parts[1::2]
    if mixed:
        exacts = [exact if exact.isascii() else _settled(exact) for exact in exacts]
        words = [exact.lower() if exact.isascii() and exact.isalnum() else fold(exact) for exact in exacts]
    else:
        words = list(map(str.lower, exacts))
    ties = list(map("-".__eq__, parts[2::2]))
    if ties:
        ties[-1] = False  # a hyphen at the very end ties nothing
    return Columns(words, list(map(_STEMS.__getitem__, words)), exacts, ties)


def _without_mark_up(text: str) -> tuple[str, list[int], list[int]]:
    """The text without TeX, accents and compatibility forms; and where each of its characters begins and ends."""
    plain: list[str] = []
    begins: list[int] = []
    finishes: list[int] = []
    stretches = tex.pieces(text) if "\\" in text or "$" in text else (tex.Piece(text, 0, len(text), True),)
    for said, start, end, literal in stretches:
        if not literal:
            plain.append(said)
            begins += [start] * len(said)
            finishes += [end] * len(said)
        elif said.isascii():
            plain.append(said)
            begins += range(start, end)
            finishes += range(start + 1, end + 1)
        else:
            for found in _STRETCH.finditer(said):
                stretch, at = found[0], start + found.start()
                if stretch.isascii():
                    plain.append(stretch)
                    begins += range(at, at + len(stretch))
                    finishes += range(at + 1, at + len(stretch) + 1)
                else:
                    letters = _PLAIN[stretch]
                    plain.append(letters)
                    begins += [at] * len(letters)
                    finishes += [at + 1] * len(letters)
    return "".join(plain), begins, finishes


def _settled(exact: str) -> str:
    """A word whose letters of other scripts have become Latin, where they stand in a Latin word or alone."""
    letters = [character for character in exact if character.isalpha()]
    if any(character.isascii() for character in letters):
        return "".join(_LOOK_ALIKE.get(character) or _GREEK_NAMES.get(character, character) for character in exact)
    if len(letters) == 1:
        return "".join(_GREEK_NAMES.get(character, character) for character in exact)
    return exact


class _Plain(dict[str, str]):
    """One character without accent, in its ordinary form; computed once each."""

    def __missing__(self, character: str) -> str:
        if len(self) >= 20_000:  # hostile text could fill it with all of Unicode
            self.clear()
        letters = "".join(
            _LETTERS.get(part, part)
            for part in unicodedata.normalize("NFKD", _LETTERS.get(character, character))
            if not unicodedata.category(part).startswith("M") and unicodedata.category(part) != "Cf"
        )
        self[character] = letters
        return letters


class _Stems(dict[str, str]):
    """The stem of each word seen lately; computed once each."""

    def __missing__(self, word: str) -> str:
        if len(self) >= 50_000:  # some 7 MB
            self.clear()
        found = self[word] = _stem(word)
        return found


_PLAIN = _Plain()
_STEMS = _Stems()
_stemming = threading.Lock()  # a Stemmer may be used by one thread at a time

# Snowball keeps the s of words without a vowel before it: "llms", "cnns", and also "gpus".
_ACRONYMS = re.compile(r"(?:[b-df-hj-np-tv-xz]{2,}|[cgtnx]pu)s")
_NOT_PLURAL = frozenset(re.findall(r"\w+", "gps dns tls tts sms https ids cms dms fps bps mbps gbps kbps ppts"))


def _stem(word: str) -> str:
    if not word.isascii() or not word.isalpha():
        return word
    if _is_plural(word):
        return word[:-1]
    with _stemming:
        return str(_snowball().stemWord(word))


def _is_plural(word: str) -> bool:
    """Of an acronym."""
    return _ACRONYMS.fullmatch(word) is not None and not word.endswith("ss") and word not in _NOT_PLURAL


@cache
def _snowball() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english", 0)
