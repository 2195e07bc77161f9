"""What readers ask of a paper: why was I told, why not. For the one local account."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import paper_record, print_json, print_paper, say
from paperlark.cli.telling import account

if TYPE_CHECKING:
    from paperlark.matching.explain import Alternative
    from paperlark.readers.way import Because
    from paperlark.readers.why import Contained, Led
    from paperlark.readers.why_not import Told, Verdict
    from paperlark.settings import Settings

commands = typer.Typer()


@commands.command(
    help=told(
        "Say why you were told of a paper, or why not.",
        "paperlark why 2505.14302",
        "paperlark why 2505.14302 --profile agents",
        more="For each profile and each place where it is told: the cause that decides, and what else is true.",
    )
)
def why(
    paper: Annotated[
        str | None, typer.Argument(metavar="[PAPER]", help="Id, arXiv id, DOI or address.", show_default=False)
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this profile.", show_default="all of yours")
    ] = None,
    delivery: Annotated[
        int | None, typer.Option(metavar="ID", help="Every paper of a delivery, in place of one.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask of one paper, or of all that one delivery was made of."""
    settings = edge.begin()
    if (paper is None) == (delivery is None):
        raise typer.BadParameter("name a paper, or a delivery with --delivery", param_hint="PAPER")
    if paper is not None:
        edge.run(_why(settings, paper, profile, as_json))
    elif delivery is not None:
        edge.run(_why_told(settings, delivery, as_json))


async def _why(settings: "Settings", wanted: str, profile: str | None, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import why as readers
    from paperlark.readers.why_not import why_not

    async with opened(settings) as app:
        me = await account(app)
        answer = await why_not(app.store, me, wanted, profile=profile)
        led = (await readers.why(app.store, me, wanted))[1] if answer.paper else ()
    asked = {verdict.profile.id for verdict in answer.verdicts if verdict.profile}
    led = tuple(each for each in led if each.profile.id in asked)
    if as_json:
        print_json(_answer_record(answer, led))
        return
    if answer.paper is not None:
        print_paper(answer.paper, [span for each in led for found in each.alternatives for span in found.spans])
    say(*(line for each in led for line in _led_lines(each)))
    for verdict in answer.verdicts:
        say(verdict.because.sentence, *(f"  also: {each.sentence}" for each in verdict.also))


async def _why_told(settings: "Settings", delivery_id: int, as_json: bool) -> None:
    from paperlark.app import opened
    from paperlark.readers import why as readers

    async with opened(settings) as app:
        contained = await readers.why_told(app.store, await account(app), delivery_id)
    for each in contained:
        if as_json:
            print_json(_contained_record(each))
        else:
            print_paper(each.paper, [span for led in each.led for found in led.alternatives for span in found.spans])
            say(*(line for led in each.led for line in _led_lines(led)))


def _led_lines(led: "Led") -> Iterable[str]:
    for found in led.alternatives:
        words = ", ".join(f"“{span.text}” in {span.field}" for span in found.spans)
        yield f"“{led.profile.name}” led to it: {f'{found.text}: {words}' if words else found.text}"
    if not led.alternatives:
        yield f"“{led.profile.name}” led to it; the paper has changed since"


# ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────────


def _answer_record(answer: "Told", led: Iterable["Led"]) -> dict[str, Any]:
    return {
        "paper": paper_record(answer.paper) if answer.paper else None,
        "led": [_led_record(each) for each in led],
        "verdicts": [_verdict_record(verdict) for verdict in answer.verdicts],
    }


def _verdict_record(verdict: "Verdict") -> dict[str, Any]:
    profile, place = verdict.profile, verdict.destination
    return {
        "profile": profile.name if profile else None,
        "profile_id": str(profile.id) if profile else None,
        "channel": place.channel if place else None,
        "address": place.address if place else None,
        "told": verdict.told,
        **_because_record(verdict.because),
        "also": [_because_record(each) for each in verdict.also],
    }


def _because_record(because: "Because") -> dict[str, Any]:
    delivery = str(because.delivery_id) if because.delivery_id is not None else None
    return {"cause": str(because.cause), "sentence": because.sentence, "delivery": delivery}


def _contained_record(contained: "Contained") -> dict[str, Any]:
    return {
        "paper": paper_record(contained.paper),
        "fate": str(contained.fate) if contained.fate else None,
        "led": [_led_record(each) for each in contained.led],
    }


def _led_record(led: "Led") -> dict[str, Any]:
    return {
        "profile": led.profile.name,
        "profile_id": str(led.profile.id),
        "version": led.version,
        "alternatives": [_alternative_record(found) for found in led.alternatives],
    }


def _alternative_record(found: "Alternative") -> dict[str, Any]:
    return {
        "alternative": found.text,
        "terms": [{"term": term.term, "words": [asdict(span) for span in term.spans]} for term in found.terms],
    }
