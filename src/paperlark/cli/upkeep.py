"""Looking after a paperlark: check, migrate, rotate-keys, token, version."""

import os
import platform
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from paperlark.cli import edge
from paperlark.cli.edge import Json, told
from paperlark.cli.printing import print_json, print_table, say
from paperlark.cli.telling import account
from paperlark.model.problems import PaperlarkError

if TYPE_CHECKING:
    from paperlark.settings import Settings
    from paperlark.store.database import Store

SQLITE = "sqlite+aiosqlite:///"
SIGNS = {"well": "ok", "note": "·", "wrong": "WRONG"}

commands = typer.Typer()


# ── check ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `wrong` must be mended, a `note` may be as it is: unset, unused, unwell for now."""

    what: str
    state: Literal["well", "note", "wrong"]
    said: str


@commands.command(
    help=told(
        "Say what is missing or misconfigured.",
        "paperlark check",
        more="Settings, database, channels, sources; values are never printed, and nothing is changed. "
        "The exit status is 1 where something needed is wrong.",
    )
)
def check(as_json: Json = False) -> None:
    """Look at everything, touch nothing."""
    findings = edge.run(_findings())
    wrong = [finding for finding in findings if finding.state == "wrong"]
    if as_json:
        rows = [{"what": each.what, "state": each.state, "said": each.said} for each in findings]
        print_json({"well": not wrong, "findings": rows})
    else:
        print_table(("", "", ""), [(SIGNS[each.state], each.what, each.said) for each in findings])
    if wrong:
        edge.complain("; ".join(f"{each.what}: {each.said}" for each in wrong))
        raise typer.Exit(edge.NOT_DONE)


async def _findings() -> list[Finding]:
    from paperlark import settings

    strangers = [
        Finding(variable, "note", f"there is no such setting{f'; did you mean {nearest}?' if nearest else ''}")
        for variable, nearest in settings.unknown()
    ]
    try:
        found = edge.begin()
    except PaperlarkError as error:
        return [Finding("settings", "wrong", str(error).removeprefix("settings: ")), *strangers]
    known = [
        Finding(each.variable, "note" if each.state == "unset" else "well", f"{each.state}: {each.purpose}")
        for each in settings.described(found)
    ]
    return [
        *await _database(found), _matching(), *_channels(found), *_mail(found), _meaning(), *strangers, *known
    ]  # fmt: skip


def _matching() -> Finding:
    from paperlark.matching.core import COMPILED

    if COMPILED is not None:
        return Finding("matching", "well", "by the compiled core")
    return Finding("matching", "note", "by numpy, slower: there was no C compiler when paperlark was installed")


def _meaning() -> Finding:
    from paperlark.readers.meaning import note

    missing = note()
    return Finding("meaning", "note", missing) if missing else Finding("meaning", "well", "searches know other words")


def _channels(settings: "Settings") -> list[Finding]:
    from paperlark import channels, from_settings

    try:
        configured = {channel.kind for channel in from_settings.configured_channels(settings)}
    except PaperlarkError as error:
        return [Finding("channels", "wrong", str(error))]
    return [
        Finding(f"channel {kind}", "well", "configured")
        if kind in configured
        else Finding(f"channel {kind}", "note", "not configured: its settings are unset")
        for kind in channels.CONTENTS
    ]


def _mail(settings: "Settings") -> list[Finding]:
    """What mailbox providers want of whoever sends much; the rest is the domain's own DNS, which is not looked at."""
    if settings.smtp_host is None or settings.smtp_sender is None:
        return []
    domain = settings.smtp_sender.rstrip("> ").rpartition("@")[2]
    found = [
        (settings.public_url is None, "no papers by mail, and no link that ends it: PAPERLARK_PUBLIC_URL is unset"),
        (
            settings.public_url is not None and not settings.public_url.startswith("https://"),
            "no one-click unsubscribe: PAPERLARK_PUBLIC_URL is not https",
        ),
        (settings.dkim_key is None, "not signed, unless the mail server does it: PAPERLARK_DKIM_KEY is unset"),
        (settings.smtp_bounces is None, "what comes back later is not noticed: PAPERLARK_SMTP_BOUNCES is unset"),
        (True, f"for bulk mail the DNS of {domain} needs SPF, DKIM and DMARC records; they are not looked at here"),
    ]
    return [Finding("mail", "note", said) for missing, said in found if missing]


async def _database(settings: "Settings") -> list[Finding]:
    from paperlark.store.database import open_unchecked, refuse_newer
    from paperlark.store.migrations import HEAD

    file = _sqlite_file(settings)
    if file is not None and not file.exists():
        return [_missing_file(file)]
    try:
        store = open_unchecked(settings.database_url, keys=settings.sealing_keys())
    except PaperlarkError as error:
        return [Finding("database", "wrong", str(error))]
    try:
        version = await store.version()
        refuse_newer(version)
        if version == HEAD:
            known = [
                *await _connections(settings, store),
                *await _sources(settings, store),
                await _lines_alone(store),
                await _sealed(settings, store),
            ]
            return [Finding("database", "well", f"at version {HEAD}"), *known]
        state = "has no tables yet" if version is None else f"is at version {version}, not {HEAD}"
        if file is not None:
            return [Finding("database", "note", f"{state}; the first command that needs it migrates it")]
        return [Finding("database", "wrong", f"{state}; run `paperlark migrate`")]
    except PaperlarkError as error:
        return [Finding("database", "wrong", str(error))]
    finally:
        await store.close()


def _sqlite_file(settings: "Settings") -> Path | None:
    """The file of a SQLite store."""
    if not settings.database_url.startswith(SQLITE):
        return None
    return Path(settings.database_url.removeprefix(SQLITE).partition("?")[0]).absolute()


def _missing_file(file: Path) -> Finding:
    """Opening it would make it, so the folder is looked at instead."""
    folder = next(above for above in file.parents if above.exists())
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding("database", "note", "not there yet; the first command that needs it makes it")
    return Finding("database", "wrong", f"cannot be made: {folder} is not a folder that can be written")


async def _connections(settings: "Settings", store: "Store") -> list[Finding]:
    """Are there enough for one process of each kind while the next release migrates?"""
    from paperlark.settings import sharing
    from paperlark.store.database import RELEASING

    allowed = await store.connections_allowed()
    if allowed is None:
        return []
    web, worker = (sharing(settings, kind).database_connections for kind in ("web", "worker"))
    said = f"{web} for each web, {worker} for each worker, {RELEASING} for migrate, of {allowed} that the server allows"
    return [Finding("connections", "well" if web + worker + RELEASING <= allowed else "wrong", said)]


async def _lines_alone(store: "Store") -> Finding:
    """What each paper is held against, whatever it says."""
    from paperlark.matching.standing import ALONE
    from paperlark.store import profiles

    async with store.reading() as tx:
        known = len(await profiles.known_alone(tx))
    return Finding(
        "lines of numbers alone",
        "note" if known >= ALONE else "well",
        f"{known:,} different ones, of at most {ALONE:,}",
    )


async def _sealed(settings: "Settings", store: "Store") -> Finding:
    """Whether the database alone would be of use to a thief."""
    from paperlark.store.resealing import unsealed

    others, keys = await unsealed(store), settings.sealing_keys()
    what = "addresses, identities and secrets"
    if not keys and others:
        return Finding(what, "wrong", f"{others:,} are sealed, and PAPERLARK_ENCRYPTION_KEYS is unset")
    if others:
        return Finding(
            what, "note", f"{others:,} are not as the first key would have them; run `paperlark rotate-keys`"
        )
    if not any(keys[:1]):
        return Finding(what, "note", "readable for whoever has the database: PAPERLARK_ENCRYPTION_KEYS is unset")
    return Finding(what, "well", "sealed in the database")


async def _sources(settings: "Settings", store: "Store") -> list[Finding]:
    from paperlark.from_settings import check_source
    from paperlark.store import sources

    async with store.reading() as tx:
        listed = await sources.listed(tx)
    polled = [source for source in listed if source.next_poll_at is not None]
    if not polled:
        return [Finding("sources", "note", "none yet; `paperlark run` begins with the default ones")]
    findings = []
    for source in polled:
        what = f"source {source.name}"
        try:
            check_source(settings, source.name, source.kind, source.options)
        except PaperlarkError as error:
            findings.append(Finding(what, "wrong", str(error)))
            continue
        unwell = source.paused_reason or source.last_error
        findings.append(Finding(what, "note", unwell) if unwell else Finding(what, "well", "configured"))
    return findings


# ── migrate ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Bring the database and the bots' menus to this version.",
        "paperlark migrate",
        more="Once after each update. SQLite needs it for the bots only: it is migrated when it is opened.",
    )
)
def migrate(as_json: Json = False) -> None:
    """Migrate; again does nothing."""
    version, published = edge.run(_migrate(edge.begin()))
    if as_json:
        print_json({"version": version, "bots": published})
        return
    say(f"the database is at version {version}")
    for line in published:
        say(line)


async def _migrate(settings: "Settings") -> tuple[str | None, list[str]]:
    from paperlark.from_settings import publish
    from paperlark.store.database import open_unchecked

    store = open_unchecked(settings.database_url, keys=settings.sealing_keys())
    try:
        await store.migrate()
        return await store.version(), await publish(settings, store)
    finally:
        await store.close()


# ── rotate-keys ────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    "rotate-keys",
    help=told(
        "Bring what is sealed in the store under the first key.",
        "paperlark rotate-keys",
        more="Once after PAPERLARK_ENCRYPTION_KEYS has changed, and at any time. To replace a key give all processes "
        "OLD,NEW, then NEW,OLD, run this, then leave OLD out. The first key is given as ,NEW, then as NEW. To seal "
        "nothing any more begin with a comma: ,OLD",
    ),
)
def rotate_keys(as_json: Json = False) -> None:
    """Seal everything anew that the first key has not sealed."""
    done = edge.run(_rotate_keys(edge.begin()))
    if as_json:
        print_json({"resealed": done})
    else:
        say(f"{done:,} brought under the first key" if done else "everything is as it should be")


async def _rotate_keys(settings: "Settings") -> int:
    from paperlark.store.database import open_store
    from paperlark.store.resealing import reseal

    store = await open_store(settings.database_url, keys=settings.sealing_keys())
    try:
        return await reseal(store)
    finally:
        await store.close()


# ── token ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(
    help=told(
        "Make a token for the API, shown once.",
        "paperlark token --name laptop --days 90",
        'curl -H "Authorization: Bearer $(paperlark token --read-only)" http://127.0.0.1:8080/api/v1/profiles',
    )
)
def token(
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    read_only: Annotated[bool, typer.Option("--read-only", help="It may look at profiles, not change them.")] = False,
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="How long it works.", show_default="for ever")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make one for the local account."""
    made = edge.run(_token(edge.begin(), name, read_only, days))
    if as_json:
        print_json({"token": made, "name": name, "read_only": read_only, "days": days})
        return
    say(made)
    print("keep it well: only its hash is kept here, and it is not shown again", file=sys.stderr)


async def _token(settings: "Settings", name: str, read_only: bool, days: int | None) -> str:
    from paperlark.app import opened
    from paperlark.store import accounts
    from paperlark.web.access import SCOPES

    async with opened(settings) as app:
        me = await account(app, make=True)
        async with app.store.transaction() as tx:
            now = await tx.now()
            return await accounts.new_token(
                tx,
                me,
                name=name,
                scopes=[scope for scope in SCOPES if scope.endswith(":read") or not read_only],
                now=now,
                expires_at=now + timedelta(days=days) if days else None,
            )


# ── version ────────────────────────────────────────────────────────────────────────────────────────────────────────


@commands.command(help=told("Print the version.", "paperlark version --json"))
def version(as_json: Json = False) -> None:
    """The package's version; for programs also Python's and the database's newest."""
    from paperlark import __version__

    if not as_json:
        say(f"paperlark {__version__}")
        return
    from paperlark.store.migrations import HEAD

    print_json({"paperlark": __version__, "python": platform.python_version(), "database": HEAD})
