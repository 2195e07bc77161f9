"""Marks, mutes and pauses at the command line."""

from pathlib import Path

from tests.cli.conftest import SAMPLE, Lark


def names(lark: Lark, number: int) -> list[str]:
    """Some papers of the archive, as a reader would name them."""
    return [record["aliases"][0].partition(":")[2] for record in lark.well("papers", "--json").records[:number]]


def test_papers_are_saved_read_dismissed_and_listed(lark: Lark, database: Path) -> None:
    first, second = names(lark, 2)
    assert lark.well("saved").out == "nothing is saved yet; `paperlark save PAPER` keeps one\n"
    assert [set(each["marks"]) for each in lark.well("save", first, second, "--json").records] == [{"saved"}, {"saved"}]
    assert lark.well("read", first).out.startswith("read and saved: ")
    assert [set(each["marks"]) for each in lark.well("dismiss", second, "--json").records] == [{"dismissed"}]
    (kept,) = lark.well("saved", "--json").records
    assert f"arxiv:{first}" in kept["aliases"] and kept["saved_at"]
    assert len(lark.well("saved").out.splitlines()) == 1
    assert lark.well("unmark", first, "--only", "saved").out.startswith("read: ")
    assert lark.well("unmark", first).out.startswith("no mark: ")
    assert lark("save", "2599.99999").err.startswith("paperlark: the archive holds no paper '2599.99999'")


def test_saved_papers_are_cut_at_a_limit_newest_first(lark: Lark, database: Path) -> None:
    for name in names(lark, 3):
        lark.well("save", name)
    everything = [record["id"] for record in lark.well("saved", "--json").records]
    assert len(everything) == 3
    assert [record["id"] for record in lark.well("saved", "--limit", "2", "--json").records] == everything[:2]


def test_words_authors_and_sources_are_muted_and_unmuted(lark: Lark, database: Path) -> None:
    assert lark.well("mutes").out == "nothing is muted; `paperlark mute WORD` mutes a word\n"
    assert lark.well("mute", "mixture of experts").out == 'muted: word "mixture of experts"\n'
    assert lark.well("mute", "--author", "Song, Yang", "--json").record["value"] == "song, yang"
    assert [each["kind"] for each in lark.well("mutes", "--json").records] == ["word", "author"]
    assert lark.well("unmute", "--author", "Yang Song").out == "no longer muted: author Yang Song\n"
    assert lark("unmute", "larks").err == "paperlark: the word 'larks' is not muted; `paperlark mutes` lists what is\n"
    assert lark("mute", "--source", "nowhere").err.startswith("paperlark: there is no source 'nowhere'")
    both = lark("mute", "larks", "--author", "Song")
    assert (both.status, "give one: a word, --author or --source" in both.err) == (2, True)


def test_a_muted_word_is_not_delivered(lark: Lark) -> None:
    lark.well("profiles", "add", "title:quantization")
    lark.well("subscribe", "title:quantization", "--to", "console", "desk", "--cadence", "instant")
    lark.well("mute", "scaling law")
    lark.well("import", SAMPLE, "--announce")
    assert lark.well("deliver", "--json").record["dropped"] == 1


def test_a_pause_holds_everything_back_until_it_is_resumed(lark: Lark) -> None:
    lark.well("profiles", "add", "title:quantization")
    lark.well("subscribe", "title:quantization", "--to", "console", "desk", "--cadence", "instant")
    assert lark.well("pause", "--until", "2199-08-24", "--because", "holidays").out == (
        "paused: console desk until 2199-08-24 00:00 UTC\n"
    )
    lark.well("import", SAMPLE, "--announce")
    assert lark.well("deliver", "--json").record["sent"] == 0
    (resumed,) = lark.well("resume", "--to", "console", "desk", "--json").record["resumed"]
    assert (resumed["address"], resumed["paused_reason"], resumed["paused_until"]) == ("desk", None, None)
    assert lark.well("deliver").out.splitlines()[-1] == "1 sent"
    assert lark.well("resume").out == "nothing there to be resumed\n"


def test_a_pause_of_nothing_or_of_the_past_is_refused(lark: Lark) -> None:
    lark.well("profiles", "add", "larks")
    lark.well("subscribe", "larks", "--to", "console", "desk")
    assert lark("pause", "--to", "console", "hall").err.startswith("paperlark: you are not told at console hall")
    assert lark("pause", "--until", "2020-01-01").err.startswith("paperlark: a pause ends in the future")
    assert lark("pause", "--until", "soon").status == 2
