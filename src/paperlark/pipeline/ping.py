"""A dead man's switch: somebody outside is told every two minutes that all is well, and raises the alarm when they no
longer are. Who sleeps cannot alarm anybody.

As healthchecks.io and those who speak like it want it (https://healthchecks.io/docs/http_api/): a POST to the address
means that all is well, to `/start` that we begin, to `/fail` that something is wrong now; they keep the body for the
operator.

All is well while the loops go round, the database answers, nothing waits for longer than `STUCK` to be percolated or to
be sent where it could be, and not every source is overdue: one that is broken is a matter of `watch`.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from yarl import URL

from paperlark.http import Http
from paperlark.model.problems import DeliveryError, StoreError
from paperlark.store.database import Store
from paperlark.store.overview import Overview, overview

log = structlog.get_logger()

STUCK = timedelta(minutes=15)
TIMEOUT = 10.0  # seconds for an answer


class Ping:
    """Tells one address how we are."""

    def __init__(self, store: Store, http: Http, address: str) -> None:
        """address: as the watcher gave it; a secret, for whoever has it may say that we are well."""
        self._store = store
        self._http = http
        self._address = URL(address)
        self._begun = False

    async def run(self, ailing: Sequence[str]) -> None:
        """Say once how we are. ailing: what is wrong with the loops, in words."""
        if not self._begun:
            self._begun = True
            await self._post("start", "paperlark begins")
        try:
            found = wrong(await overview(self._store), ailing)
        except StoreError:
            found = [*ailing, "the database does not answer"]
        if found:
            await self._post("fail", "\n".join(found))
            log.warning("not all is well", reason="; ".join(found))
        else:
            await self._post("", "all is well")

    async def _post(self, form: str, words: str) -> None:
        at = (self._address / form).with_query(self._address.query) if form else self._address
        try:
            answer = await self._http.post(str(at), words.encode(), asker="ping", timeout=TIMEOUT)
        except DeliveryError as error:
            log.warning("nobody could be told how we are", reason=str(error))
            return
        if answer.status >= 300:
            log.warning("nobody could be told how we are", reason=f"ping: {answer.words}")


def wrong(found: Overview, ailing: Sequence[str]) -> list[str]:
    """What is wrong, a line each, with no name but kinds'; nothing where all is well. Pure."""
    said = list(ailing)
    for channel, waiting in sorted(found.outbox.items()):
        if waiting.oldest > STUCK:
            said.append(f"{channel}: a delivery waits for {_minutes(waiting.oldest)} to be sent")
    _, oldest = found.unpercolated
    if oldest > STUCK:
        said.append(f"an announcement waits for {_minutes(oldest)} to be percolated")
    polled = [source for source in found.sources if source.state != "paused"]
    if polled and all(source.overdue for source in polled):
        said.append("no source had a good poll for more than two intervals")
    return said


def _minutes(time: timedelta) -> str:
    return f"{time // timedelta(minutes=1)} minutes"
