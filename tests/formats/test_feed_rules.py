"""Our feeds keep the W3C feed validator's rules; and those rules say of its own cases what it says of them."""

import re
from pathlib import Path

import pytest

from paperlark.formats import atom, rss
from tests.formats.feed_rules import RULES, broken
from tests.formats.samples import HOSTILE, feed, paper, papers

CASES = "feedvalidator/w3c+feedvalidator"
FOLDERS = ("atom", "rss20", "rss", "xml")
EXPECTED = re.compile(r"Expect:\s*(!?)(\w+)")

TOUCHED = 80
"""Cases whose message one of the rules knows: a floor, so that the test cannot become empty unnoticed."""

FEEDS = {
    "ordinary": feed(papers("Larks", "Wrens", "Finches"), word="About"),
    "hostile": feed(papers(*HOSTILE), name="R&D of <b>larks</b> \x00", word="this"),
    "nobody's": feed([paper("Larks", "", authors=(), categories=(), arxiv="2603.00001")]),
    "nameless": feed([paper("\x00", authors=("<script>x</script>", "&lt;b&gt;"), categories=("<b>", "&eacute;"))]),
    "longer": feed(papers("Larks"), following="https://papers.example.org/feeds/pl_feed_x.atom?before=1-2&more=3"),
    "with code": feed([paper(code_url="https://github.com/a/b?c=1&d=2", arxiv="2603.00001")]),
    "empty": feed([]),
}


def test_the_rules_say_of_the_validators_cases_what_it_says(shared_data: Path) -> None:
    wrong, touched = [], 0
    for folder in FOLDERS:
        for file in sorted((shared_data / CASES / folder).rglob("*.xml")):
            body = file.read_bytes()
            found = EXPECTED.search(body.decode("utf-8", "replace"))
            assert found, file
            if b"<rdf:RDF" in body:
                continue  # RSS 1.0, which we do not write
            denied, message = bool(found[1]), found[2]
            if message.startswith("Valid"):
                denied, message = True, _opposite(message)
            if message == "Error" and denied:
                continue
            if message not in RULES and message not in ("SAXError", "UnicodeError"):
                continue
            touched += 1
            if (message in broken(body)) == denied:
                wrong.append(f"{file.relative_to(shared_data)}: {'!' if denied else ''}{message}")
    assert not wrong, "\n" + "\n".join(wrong)
    assert touched >= TOUCHED


@pytest.mark.parametrize("name", FEEDS)
def test_what_we_write_breaks_no_rule(name: str) -> None:
    assert broken(atom.write(FEEDS[name])) == set()
    assert broken(rss.write(FEEDS[name])) == set()


def _opposite(message: str) -> str:
    """The message that a case would have if it were not valid."""
    return {"ValidHttpGUID": "InvalidHttpGUID", "ValidHtml": "NotHtml"}.get(message, f"Inv{message[1:]}")
