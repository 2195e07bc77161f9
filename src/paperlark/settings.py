"""The settings: one frozen value, read once from the environment. Nothing else reads the environment.

Every variable is `PAPERLARK_` and the field's name in capitals. For each there is a `…_FILE` form, which names a file
that holds the value (as secrets are mounted in containers); a credential of systemd's is such a file. Where hosts set
`PORT` and `DATABASE_URL` by themselves, these count as fall-backs: with `PORT` the service listens on all interfaces,
and a `DATABASE_URL` of another machine is reached by TLS where it says nothing of it. On a dyno (`DYNO`) there is no
SQLite: its disk is erased every day.

Errors name variables, never values.
"""

import base64
import difflib
import os
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from platformdirs import user_cache_path, user_data_path
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from paperlark.model.problems import PaperlarkError

PREFIX = "PAPERLARK_"
FALL_BACKS = {
    "port": "PORT",
    "database_url": "DATABASE_URL",
    "otel_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "sentry_dsn": "SENTRY_DSN",
}
SQLITE = "sqlite+aiosqlite:///"
CONNECTIONS = {"run": 12, "web": 4, "worker": 8}  # to PostgreSQL, by what a process does; small plans allow 20 in all
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def _database_url(value: object) -> object:
    """SQLAlchemy's spelling of a database: psycopg is the one PostgreSQL driver, aiosqlite the one of SQLite."""
    if not isinstance(value, str):
        return value
    scheme, mark, rest = value.partition("://")
    if not mark:
        return f"{SQLITE}{Path(value).expanduser()}"
    if re.fullmatch(r"postgres(ql)?(\+\w+)?", scheme):
        return f"postgresql+psycopg://{rest}"
    if re.fullmatch(r"sqlite(\+\w+)?", scheme):
        return f"sqlite+aiosqlite://{rest}"
    raise ValueError("should be postgresql://…, sqlite:///path, or the path of a SQLite file")


def _over_tls(address: str) -> str:
    """A host's address of PostgreSQL, with TLS where it goes to another machine and says nothing of it
    (https://devcenter.heroku.com/articles/connecting-heroku-postgres)."""
    try:
        parts = urlsplit(address)
    except ValueError:  # what is wrong with it is found by the field's own check
        return address
    said = any(f"{argument}=" in parts.query for argument in ("sslmode", "host"))
    if not parts.scheme.startswith("postgres") or said or _is_local(parts.hostname):
        return address
    return f"{address}{'&' if parts.query else '?'}sslmode=require"


def _is_local(host: str | None) -> bool:
    """Is it this machine: a socket (no host, or a folder), or the loopback?"""
    if not host or host == "localhost" or host.lower().startswith("%2f"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _web_address(value: object) -> object:
    if isinstance(value, str):
        value = value.rstrip("/")
        if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", value):
            raise ValueError("should be an address like https://papers.example.org")
    return value


def _webhook_secret(value: SecretStr | None) -> SecretStr | None:
    """24 to 64 bytes in base64, as the Standard Webhooks ask."""
    if value is not None:
        prefix, _, encoded = value.get_secret_value().partition("_")
        try:
            size = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
        except ValueError:
            size = 0
        if prefix != "whsec" or not 24 <= size <= 64:
            raise ValueError("should be whsec_ and 24 to 64 bytes in base64")
    return value


def _long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and len(value.get_secret_value()) < 32:
        raise ValueError("should have 32 characters or more")
    return value


def _each_long_enough(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not _good_keys(_parted(value)):
        raise ValueError("should be keys of 32 characters or more, parted by commas")
    return value


def _good_keys(keys: tuple[str, ...]) -> bool:
    """The first may be empty, where there are others."""
    first, *others = keys
    return all(len(key) >= 32 for key in (others if others and not first else keys))


def _parted(value: SecretStr) -> tuple[str, ...]:
    return tuple(key.strip() for key in value.get_secret_value().split(","))


def _networks(value: str | None) -> str | None:
    try:
        for network in (value or "").split(",") if value else ():
            ip_network(network.strip())
    except ValueError:
        raise ValueError("should be networks like 10.0.0.0/8, parted by commas") from None
    return value


def _default_database() -> str:
    return f"{SQLITE}{user_data_path('paperlark') / 'paperlark.sqlite3'}"


def _default_index_dir(database_url: str) -> Path:
    """Beside a SQLite file; for other databases in the user's cache, under a name of the database's own."""
    if database_url.startswith(SQLITE):
        file = Path(database_url.removeprefix(SQLITE).partition("?")[0])
        return file.with_name(f"{file.name}.index")
    own = blake2b(database_url.encode(), digest_size=8).hexdigest()
    return user_cache_path("paperlark") / f"index-{own}"


WebAddress = Annotated[str, BeforeValidator(_web_address)]
Lowered = BeforeValidator(lambda value: value.strip().lower() if isinstance(value, str) else value)


class Settings(BaseSettings):
    """What the operator decides. Made by `load`; `repr` shows neither secrets nor the database's address."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database_url: Annotated[str, BeforeValidator(_database_url)] = Field(
        default_factory=_default_database,
        repr=False,
        description="the store: postgresql://…, or the path of a SQLite file (or DATABASE_URL)",
    )
    database_connections: int = Field(
        CONNECTIONS["run"],
        ge=2,
        le=100,
        description="connections to PostgreSQL that a process may hold; by default 4 for web, 8 for worker, else 12",
    )
    allow_sqlite_on_dyno: bool = Field(
        False, description="let a dyno keep its store in SQLite, which is lost with its disk every day"
    )
    index_dir: Path = Field(
        default_factory=lambda checked: _default_index_dir(checked["database_url"]),
        description="the folder for copies of the compiled profiles, by default beside the SQLite file; it may be lost",
    )
    telegram_token: SecretStr | None = Field(None, description="the bot's token, to tell readers by Telegram")
    telegram_api: WebAddress = Field(
        "https://api.telegram.org", description="the Bot API, where it is not Telegram's own"
    )
    telegram_webhook: bool = Field(
        False,
        description="on: Telegram posts to PAPERLARK_PUBLIC_URL, and is not asked; `paperlark migrate` tells it so",
    )
    discord_token: SecretStr | None = Field(None, description="the bot's token, to tell readers on Discord")
    discord_api: WebAddress = Field("https://discord.com", description="Discord's API, where it is not Discord's own")
    smtp_host: str | None = Field(None, description="the mail server, to tell readers by e-mail")
    smtp_tls: Annotated[Literal["starttls", "tls", "none"], Lowered] = Field(
        "starttls", description="how the mail server is secured: starttls, tls or none"
    )
    smtp_port: int = Field(
        default_factory=lambda checked: SMTP_PORTS[checked["smtp_tls"]],
        ge=1,
        le=65535,
        description="the mail server's port; by default 587 with starttls, 465 with tls, 25 with none",
    )
    smtp_username: str | None = Field(
        None, repr=False, description="the name at the mail server, where it asks for one"
    )
    smtp_password: SecretStr | None = Field(None, description="the password at the mail server")
    smtp_sender: str | None = Field(None, repr=False, description="the address that e-mails come from")
    smtp_bounces: str | None = Field(
        None, repr=False, description="the address that returned e-mails come to, for `paperlark bounce`"
    )
    dkim_key: SecretStr | None = Field(None, description="the private key (PEM, RSA) that e-mails are signed with")
    dkim_selector: str | None = Field(None, description="the name of the key's DNS record: NAME._domainkey.DOMAIN")
    dkim_domain: str | None = Field(None, description="the domain that signs e-mails; by default the sender's")
    secret_key: Annotated[SecretStr | None, AfterValidator(_long_enough)] = Field(
        None, description="what links in e-mails are signed with; by default made once and kept in the store"
    )
    encryption_keys: Annotated[SecretStr | None, AfterValidator(_each_long_enough)] = Field(
        None,
        description="keys parted by commas that addresses, identities and secrets are sealed with in the store: "
        "the first seals, all open; `paperlark rotate-keys` brings everything under the first",
    )
    webhook_secret: Annotated[SecretStr | None, AfterValidator(_webhook_secret)] = Field(
        None, description="a secret (whsec_…) that all webhooks are signed with, in place of one for each"
    )
    apprise: str | None = Field(
        None, description="the services of Apprise that readers may use, parted by commas: ntfy,slack"
    )
    public_url: WebAddress | None = Field(None, description="where readers reach this paperlark, for links in messages")
    trusted_proxies: Annotated[str | None, AfterValidator(_networks)] = Field(
        None, description="networks of proxies that say who asks (X-Forwarded-For), parted by commas: 10.0.0.0/8"
    )
    api_requests_a_minute: int = Field(
        300, ge=0, description="requests of the API for each token, or client without one; 0 is any number"
    )
    host: str = Field("127.0.0.1", description="the interface to listen on; 0.0.0.0 where the host sets PORT")
    port: int = Field(8080, ge=0, le=65535, description="the port to listen on (or PORT); 0 takes a free one")
    one_process: bool = Field(
        False, description="on: `paperlark web` does what `paperlark worker` does too, where there is only one process"
    )
    operator: str | None = Field(
        None, repr=False, description="who is told when a source breaks or heals: CHANNEL:ADDRESS"
    )
    contact: str | None = Field(None, repr=False, description="an address or page, told to sources in the User-Agent")
    allow_private_addresses: bool = Field(False, description="let feeds and webhooks reach private networks")
    log_format: Annotated[Literal["console", "json"], Lowered] = Field(
        "console", description="log lines: console or json"
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lowered] = Field(
        "info", description="the least that is logged: debug, info, warning or error"
    )
    metrics_token: Annotated[SecretStr | None, AfterValidator(_long_enough)] = Field(
        None, description="what whoever scrapes /metrics must bear; without it only this machine may ask"
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="a port for /metrics, /healthz and /readyz alone, for processes that serve no page",
    )
    ping_url: SecretStr | None = Field(
        None, description="an address that is told every two minutes that all is well: healthchecks.io's, or alike"
    )
    otel_endpoint: WebAddress | None = Field(
        None, description="an OpenTelemetry collector, for traces (or OTEL_EXPORTER_OTLP_ENDPOINT); extra `otel`"
    )
    sentry_dsn: SecretStr | None = Field(
        None, description="where faults are told to Sentry, without anybody's data (or SENTRY_DSN); extra `sentry`"
    )
    hf_token: SecretStr | None = Field(None, description="a Hugging Face token, for higher limits there")
    lease_seconds: float = Field(
        120, gt=0, le=3600, description="how long work stays claimed by a process that fell silent"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.telegram_webhook and not (self.public_url or "").startswith("https://"):
            raise ValueError(f"{PREFIX}TELEGRAM_WEBHOOK needs a {PREFIX}PUBLIC_URL that begins with https://")
        if self.smtp_host and not self.smtp_sender:
            raise ValueError(f"{PREFIX}SMTP_HOST needs {PREFIX}SMTP_SENDER")
        if self.dkim_key is not None and self.dkim_selector is None:
            raise ValueError(f"{PREFIX}DKIM_KEY needs {PREFIX}DKIM_SELECTOR")
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError(f"{PREFIX}SMTP_USERNAME and {PREFIX}SMTP_PASSWORD are needed together")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` hands over, and nothing else: so an environment can be given, and tests touch no real one."""
        return (init_settings,)

    def sealing_keys(self) -> tuple[str, ...]:
        """What the store seals with (the first) and opens with (any)."""
        return _parted(self.encryption_keys) if self.encryption_keys is not None else ()

    def secrets(self) -> tuple[str, ...]:
        """The values that no log line may show."""
        values = [getattr(self, name) for name in type(self).model_fields]
        found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        found += filter(None, self.sealing_keys())
        if password := re.match(r"[^:]+://[^:/@]*:([^/]*)@", self.database_url):
            found += [password[1], unquote(password[1])]
        return tuple(dict.fromkeys(filter(None, found)))


class Described(NamedTuple):
    """One variable, as `paperlark check` shows it: never its value. `state` is "set", "default" or "unset"."""

    variable: str
    state: Literal["set", "default", "unset"]
    purpose: str


def load(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment; by default the process's own. Raises PaperlarkError, in one line."""
    env = os.environ if env is None else env
    given: dict[str, str] = {}
    variables: dict[str, str] = {}
    for name in Settings.model_fields:
        for variable in _variables(name):
            value = _value(env, variable)
            if value is not None:
                given[name], variables[name] = value, variable
                break
    if variables.get("port") == FALL_BACKS["port"]:
        given.setdefault("host", "0.0.0.0")
    if variables.get("database_url") == FALL_BACKS["database_url"]:
        given["database_url"] = _over_tls(given["database_url"])
    try:
        found = Settings(**given)  # type: ignore[arg-type]  # text, which the fields' own validators read
    except ValidationError as error:
        # `from None`: pydantic's own message quotes the values.
        raise PaperlarkError(f"settings: {'; '.join(_complaints(error, variables))}") from None
    if env.get("DYNO") and found.database_url.startswith(SQLITE) and not found.allow_sqlite_on_dyno:
        raise PaperlarkError(
            "settings: a dyno's disk is erased every day, and a SQLite store with it: add PostgreSQL (DATABASE_URL), "
            f"or set {PREFIX}ALLOW_SQLITE_ON_DYNO=on where nothing need be kept"
        )
    return found


def sharing(settings: Settings, process: Literal["web", "worker"]) -> Settings:
    """The settings of one process among many: it holds fewer connections, unless the operator said how many."""
    if "database_connections" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"database_connections": CONNECTIONS[process]})


class Supervisor(NamedTuple):
    """Who wants to hear that this process is ready, and alive. socket: where it listens, as systemd names it;
    watchdog_seconds: how long it bears silence, None where it does not mind."""

    socket: str
    watchdog_seconds: float | None


def supervisor(env: Mapping[str, str] | None = None) -> Supervisor | None:
    """Who started this process, where it is systemd and wants to be told (sd_notify(3), sd_watchdog_enabled(3))."""
    env = os.environ if env is None else env
    if not env.get("NOTIFY_SOCKET"):
        return None
    wanted = env.get("WATCHDOG_USEC", "")
    mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return Supervisor(env["NOTIFY_SOCKET"], int(wanted) / 1_000_000 if wanted.isdecimal() and mine else None)


def _variables(name: str) -> tuple[str, ...]:
    own = PREFIX + name.upper()
    return (own, FALL_BACKS[name]) if name in FALL_BACKS else (own,)


def _value(env: Mapping[str, str], variable: str) -> str | None:
    """The value of a variable or of the file that its `_FILE` form names; an empty one counts as not given.

    systemd's credentials (`LoadCredential=`) are such files too: each is named by its variable.
    """
    direct, path = env.get(variable), env.get(f"{variable}_FILE")
    credential = Path(env.get("CREDENTIALS_DIRECTORY", ""), variable)
    if not direct and not path and credential.is_absolute() and credential.is_file():
        path = str(credential)
    if direct and path:
        raise PaperlarkError(f"settings: {variable} and {variable}_FILE are both set: keep one")
    if not path:
        return direct or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise PaperlarkError(f"settings: {variable}_FILE names a file that cannot be read ({reason})") from None


def _complaints(error: ValidationError, variables: Mapping[str, str]) -> list[str]:
    found: list[str] = []
    for fault in error.errors(include_input=False, include_url=False):
        if fault["type"] == "default_factory_not_called":
            continue  # a default that waits for a field whose own complaint is in the list
        text = fault["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
        text = text.partition(", unable to")[0]
        name = str(fault["loc"][0]) if fault["loc"] else ""
        found.append(f"{variables.get(name, PREFIX + name.upper())} {text}" if name else text)
    return found


def described(settings: Settings) -> list[Described]:
    """Every variable, whether it is set, and what it is for; values are never shown."""
    return [
        Described(PREFIX + name.upper(), _state(settings, name, field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _state(settings: Settings, name: str, field: FieldInfo) -> Literal["set", "default", "unset"]:
    if name in settings.model_fields_set:
        return "set"
    value: Any = getattr(settings, name)
    return "unset" if value is None else "default"


def unknown(env: Mapping[str, str] | None = None) -> list[tuple[str, str | None]]:
    """Variables that look like settings and are none, each with the nearest that is: mostly slips of the pen."""
    env = os.environ if env is None else env
    known = {PREFIX + name.upper() + ending for name in Settings.model_fields for ending in ("", "_FILE")}
    strangers = sorted(variable for variable in env if variable.startswith(PREFIX) and variable not in known)
    return [(variable, _nearest(variable, known)) for variable in strangers]


def _nearest(variable: str, known: Iterable[str]) -> str | None:
    own_parts = [name.removeprefix(PREFIX) for name in sorted(known)]
    near = difflib.get_close_matches(variable.removeprefix(PREFIX), own_parts, n=1)
    return PREFIX + near[0] if near else None
