"""What a feed says of when to ask it again: pure, from the part of it that is no entry.

RSS 2.0 has `ttl`, `skipHours` and `skipDays` (https://www.rssboard.org/rss-specification#optionalChannelElements),
RSS 1.0 the syndication module (https://web.resource.org/rss/1.0/modules/syndication/), CDF a `SCHEDULE`. feedparser
keeps but the last of several days, so they are read here.
"""

from collections.abc import Iterator
from datetime import timedelta

from lxml import etree

from paperlark.model.sources import Manners

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
INTERVAL = {"day": timedelta(days=1), "hour": timedelta(hours=1), "min": timedelta(minutes=1)}
LARGEST = 100_000  # of a number that means minutes, hours or days
LONGEST = timedelta(days=365)
MANNERLY = (b"ttl", b"skip", b"update", b"interval")  # what one of the elements below has in its name


def read(head: bytes) -> Manners:
    """The manners that a feed asks for; days and hours are UTC. What cannot be read was not asked.

    head: the feed without its entries, in any state of repair.
    """
    if not any(word in head.lower() for word in MANNERLY):
        return Manners()
    # Entities were refused before this; nothing is fetched, and nothing is deep.
    try:
        root = etree.fromstring(head, etree.XMLParser(recover=True, resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:  # beyond repair
        return Manners()
    if root is None:
        return Manners()
    waits: list[timedelta] = []
    days: set[int] = set()
    hours: set[int] = set()
    period, frequency = "", 0
    for element, text in _elements(root):
        match element:
            case "ttl":
                waits.append(timedelta(minutes=_number(text)))
            case "day" if text.lower() in DAYS:
                days.add(DAYS.index(text.lower()))
            case "hour" if text.isdecimal() and _number(text) <= 24:
                hours.add(_number(text) % 24)  # 24 is midnight to those who count from one
            case "updateperiod":
                period = text.lower()
            case "updatefrequency":
                frequency = _number(text)
    if period in PERIODS or frequency:
        waits.append(PERIODS.get(period, PERIODS["daily"]) / max(frequency, 1))
    waits += [_interval(found) for found in root.iter("{*}intervaltime", "{*}INTERVALTIME", "{*}IntervalTime")]
    return Manners(
        fresh_for=min(max(waits, default=timedelta()), LONGEST) or None,
        # A feed that is never to be asked cannot mean it.
        skip_days=frozenset(days) if len(days) < 7 else frozenset(),
        skip_hours=frozenset(hours) if len(hours) < 24 else frozenset(),
    )


def _elements(root: etree._Element) -> Iterator[tuple[str, str]]:
    """The name (in lower case, without namespace) and text of each element; days and hours only where they belong."""
    for element in root.iter("{*}*"):
        parent = element.getparent()
        around = "" if parent is None else _name(parent)
        if around in ("skipdays", "skiphours") or _name(element) not in ("day", "hour"):
            yield _name(element), (element.text or "").strip()


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2].lower()  # a prefix that nobody declared stays on


def _number(text: str) -> int:
    """A whole number that is not negative, at most LARGEST; 0 for anything else."""
    return min(int(text), LARGEST) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _interval(element: etree._Element) -> timedelta:
    asked = {str(name).lower(): str(value) for name, value in element.attrib.items()}
    return sum((_number(asked.get(name, "")) * unit for name, unit in INTERVAL.items()), timedelta())
