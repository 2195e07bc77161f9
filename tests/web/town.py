"""A small town: readers with mailboxes, a paperlark that they know by its pages and its mail alone."""

import re
from dataclasses import dataclass
from random import Random

from paperlark.channels.email import Email
from paperlark.links import Links
from paperlark.pipeline import confirm
from paperlark.pipeline.deliver import Deliverer, Outcome
from paperlark.pipeline.planning import plan
from paperlark.store.database import Store
from paperlark.testing.clock import FakeClock
from paperlark.testing.mail import Mail, MailServer
from tests.builders import LEASE
from tests.web.archive import Client

HOME = "https://papers.example.org"
KEY = "a key that nobody knows but the town's own paperlark"
LINK = re.compile(re.escape(HOME) + r"(/[umc]/[\w.-]+)")


@dataclass
class Town:
    """Everything there is; time stands still until it is told to go on."""

    store: Store
    clock: FakeClock
    server: MailServer
    channel: Email
    links: Links
    client: Client

    async def carry(self) -> Outcome:
        """Ask whom is to be asked, and send what is due."""
        await confirm.ask(self.store, self.channel, self.links)
        await plan(self.store)
        lane = Deliverer(self.store, self.channel, lease=LEASE, jitter=Random(0), links=self.links)
        try:
            return await lane.run()
        finally:
            await lane.leave()

    async def sign_up(self, address: str = "ada@example.org", **fields: str) -> int:
        """Fill in the form as a browser does; the answer's status."""
        filled = {"address": address, "query": "", "cadence": "daily", "digest_at": "08:00", "zone": "Europe/Berlin"}
        async with self.client.post("/mail", data=filled | fields, allow_redirects=False) as answer:
            return answer.status

    async def reader(self, address: str = "ada@example.org", **fields: str) -> None:
        """Sign up, look into the mailbox, confirm."""
        assert await self.sign_up(address, **fields) == 200
        await self.carry()
        assert (await self.post(link(self.server.received(address)[-1], "c")))[0] == 200

    async def get(self, path: str) -> tuple[int, str]:
        """A page's status and text."""
        async with self.client.get(path, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """A form's answer: status and text."""
        async with self.client.post(path, data=fields, allow_redirects=False) as answer:
            return answer.status, await answer.text()


def link(mail: Mail, purpose: str) -> str:
    """The path of the one link of a purpose that a mail's text shows."""
    found = {path for path in LINK.findall(mail.part("plain")) if path.startswith(f"/{purpose}/")}
    (path,) = found
    return str(path)
