"""The Procfile's own commands: two hosts on one PostgreSQL, and a web that is alone."""

from pathlib import Path

import pytest

from paperlark.testing.bot_api import BotApi
from tests.builders import reader, record, told
from tests.databases import Fresh
from tests.deploy.hosts import host, until
from tests.deploy.two_hosts import STOPPED, furnished, told_to, two_hosts, variables


@pytest.mark.timeout(240)
async def test_two_webs_and_two_workers_tell_everybody_once_and_cover_for_one_another(
    postgres: Fresh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noticed = await two_hosts(postgres(), tmp_path)
    with capsys.disabled():
        print("", *noticed.said, sep="\n")


async def test_a_web_that_is_alone_does_the_work_of_a_worker_too(sqlite: Fresh, tmp_path: Path) -> None:
    url = sqlite()
    store = await furnished(url, tmp_path / "wasps.jsonl")
    async with BotApi() as api:
        given = variables(url, api, tmp_path) | {"PAPERLARK_ONE_PROCESS": "on"}
        given |= {"PAPERLARK_LOG_LEVEL": "debug", "PAPERLARK_LOG_FORMAT": "json"}
        with host(given, tmp_path, web=1) as dyno:
            await dyno.ready(times=1)
            follower = await reader(store, "larks", "1", channel="telegram")
            await record(store, told("Larks at dawn", arxiv="2603.00001"))
            await until(lambda: told_to(api, follower) == 1, 30, dyno)
            assert await dyno.stopped() < STOPPED
            assert dyno.statuses() == {"web.1": 0}, dyno.said
    await store.close()
