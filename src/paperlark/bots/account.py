"""A reader as a whole: start, link, export, delete."""

import asyncio
import gzip

from paperlark.bots.asked import Asked
from paperlark.bots.reply import File, Reply, Said
from paperlark.channels.buttons import button, read, written
from paperlark.model.problems import ReaderError
from paperlark.readers import account, follow
from paperlark.readers import link as links

FILE_LIMIT = 8_000_000  # bytes: what every platform takes of a bot
ALONE = "here others read along; write to me in private for that"


async def start(asked: Asked) -> Reply:
    """`/start [CODE]`: what this is, and what to type next; with a code from another place, that place's reader."""
    if asked.text.strip():
        return await link(asked)
    mine = await follow.listed(asked.store, asked.me)
    if mine:
        followed = "one query" if len(mine) == 1 else f"{len(mine)} queries"
        return asked.reply(
            f"Welcome back. {asked.owner.capitalize()} {'follow' if asked.asker.private else 'follows'} {followed}.",
            "`/list` shows them, `/digest` sends what waits, `/help` tells the rest.",
        )
    return asked.reply(
        (Said("The morning's papers, those you asked for.", "bold"),),
        "Tell me what you care for, and new papers that meet it come here once a day.",
        'Type `/follow "test-time scaling"`, or `/preview agents memory` to see first what that brings.',
        "`/trending` shows what others read, `/help` tells the rest.",
    )


async def link(asked: Asked) -> Reply:
    """`/link`: a code to type in another place; `/link CODE`: be the reader of the place that showed it."""
    if not asked.asker.private:
        raise ReaderError(ALONE)
    code = asked.text.strip()
    if code:
        await links.redeem(asked.store, code, *asked.asker.identity)
        return asked.reply("Linked: what you follow and keep there, you follow and keep here too. `/list` shows it.")
    made = await links.begin(asked.store, asked.me)
    return asked.reply(
        (Said("Your code is "), Said(made.text, "code")),
        f"Type `/link {made.text}` in the other place within ten minutes. Both are one reader then.",
        "Whoever has the code can do that: show it to nobody.",
    )


async def export(asked: Asked) -> Reply:
    """`/export`: everything that is kept, as a file."""
    pieces = [piece async for piece in account.export(asked.store, asked.me)]
    content = "".join(pieces).encode()
    name = "paperlark.json"
    if len(content) > FILE_LIMIT:
        content, name = await asyncio.to_thread(gzip.compress, content), "paperlark.json.gz"
    if len(content) > FILE_LIMIT:
        raise ReaderError("that is more than fits into a message; whoever runs this can hand it to you")
    return Reply(asked.says(f"Everything that is kept of {asked.owner}, as JSON."), file=File(name, content))


async def delete(asked: Asked) -> Reply:
    """`/delete_my_data`: asks first."""
    yes = button("Delete everything", "delete", written(asked.me))
    no = button("Keep it", "cancel")
    return asked.reply(
        f"This deletes everything that is kept of {asked.owner}: queries, marks, mutes, and what was told.",
        "Nothing of it can be brought back. `/export` first, if you may want it.",
        buttons=(tuple(each for each in (yes, no) if each),),
    )


async def press_delete(asked: Asked) -> Reply:
    """Forget the account, where the button is its own."""
    if read(asked.text) != asked.me:
        raise ReaderError("this button is not yours, or of an account that is gone; `/delete_my_data` asks again")
    await account.delete(asked.store, asked.me)
    return Reply(
        asked.says("Forgotten. Nothing stays, and nothing more will come. `/start` begins anew."),
        notice="Forgotten.",
        ended=True,
    )


async def press_cancel(asked: Asked) -> Reply:
    """Nothing happens."""
    return Reply(notice="Nothing has changed.", ended=True)
