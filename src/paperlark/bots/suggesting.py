"""What else a reader may ask for: suggestions for a profile, each with a button that takes it."""

from paperlark.bots import words
from paperlark.bots.asked import Asked, needed
from paperlark.bots.following import OFFERED, one_line, pick
from paperlark.bots.reply import Line, Reply, Said
from paperlark.channels.buttons import button, written
from paperlark.readers import follow as verbs
from paperlark.readers.suggest import Suggestion, suggest_for

SHOWN = 5  # suggestions: all of them must stand in one message, above their buttons
USAGE = "say for which profile: `/suggest 2`, or its name; `/list` numbers them"
NOTHING = "Nothing to suggest: few papers meet it, or they have little in common that it does not ask for."


async def suggest(asked: Asked) -> Reply:
    """`/suggest [PROFILE]`: what may be changed about a profile, and why. Nothing is changed before a button is
    pressed."""
    mine = await verbs.listed(asked.store, asked.me)
    profile = mine[0][0] if not asked.text and len(mine) == 1 else await pick(asked, needed(asked.text, USAGE))
    _, found = await suggest_for(asked.store, asked.me, str(profile.id), now=await asked.now())
    fitting = [each for each in found.suggestions if len(each.text) <= OFFERED][:SHOWN]
    if not fitting:
        return asked.reply(f"{words.quoted(profile.name)} brings {found.volume}.", NOTHING)
    lines = [line for at, each in enumerate(fitting, start=1) for line in _lines(at, each)]
    made = [button(f"Take {at}", "edit", f"{at}:{written(profile.id)}") for at in range(1, len(fitting) + 1)]
    return asked.reply(
        f"{words.quoted(profile.name)} brings {found.volume}. It could also ask for:",
        *lines,
        "A button changes it, from now on.",
        buttons=(tuple(each for each in made if each is not None),),
    )


def _lines(at: int, each: Suggestion) -> tuple[Line, Line]:
    """Why, and what it would bring; beneath it the changed text, as code."""
    said = (Said(f"{at}. "), Said(each.what, "bold"), Said(f": {each.reason}; {each.effect}"))
    return said, (words.code(one_line(each.text)),)
