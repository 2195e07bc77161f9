"""Lists of feeds (OPML) in and out."""

from pathlib import Path

import pytest

from tests.cli.conftest import Lark


def opml(folder: Path, *feeds: tuple[str, str]) -> Path:
    outlines = "".join(f'<outline text="{title}" xmlUrl="{url}"/>' for title, url in feeds)
    file = folder / "feeds.opml"
    file.write_text(f'<opml version="2.0"><head/><body>{outlines}</body></opml>')
    return file


LARKS, OWLS = ("Journal of Larks", "https://larks.example.org/feed"), ("Owls", "https://owls.example.org/atom")


def test_each_feed_of_a_list_becomes_a_source_that_is_due_and_none_twice(lark: Lark, tmp_path: Path) -> None:
    file = opml(tmp_path, LARKS, OWLS)
    assert lark.well("sources", "import", file).out == "2 added, 0 known already, 0 refused\n"
    assert [source["name"] for source in lark.well("sources", "--json").records] == ["Journal-of-Larks", "Owls"]
    again = opml(tmp_path, ("Renamed", LARKS[1]), ("Owls", "https://other.example.org/owls"))
    fates = [(fate["fate"], fate["source"]) for fate in lark.well("sources", "import", again, "--json").records]
    assert fates == [("known", "Journal-of-Larks"), ("added", "Owls-2")]


def test_what_is_exported_can_be_imported_elsewhere(lark: Lark, tmp_path: Path) -> None:
    lark.well("sources", "import", opml(tmp_path, LARKS, OWLS))
    lark.well("sources", "add", "hf_daily", "daily")
    exported = tmp_path / "out.opml"
    exported.write_text(lark.well("sources", "export").out)
    assert lark.well("sources", "import", exported).out == "0 added, 2 known already, 0 refused\n"
    assert lark.well("sources", "export", "--json").records == [
        {"source": "Journal-of-Larks", "url": LARKS[1]},
        {"source": "Owls", "url": OWLS[1]},
    ]


def test_address_that_cannot_be_asked_is_named_and_the_others_are_added(lark: Lark, tmp_path: Path) -> None:
    done = lark("sources", "import", opml(tmp_path, ("Trap", "file:///etc/passwd"), OWLS))
    assert done.status == 1
    assert done.err == "paperlark: Trap: file:///etc/passwd is no http or https address\n"
    assert done.out == "1 added, 0 known already, 1 refused\n"


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"<rss/>"])
def test_file_that_is_no_list_is_said_in_a_line(lark: Lark, tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "feeds.opml"
    file.write_bytes(body)
    done = lark("sources", "import", file)
    assert (done.status, done.err) == (1, "paperlark: rss: feeds.opml: this is not a list of feeds (OPML)\n")
    assert lark("sources", "import", tmp_path / "gone.opml").status == 2
