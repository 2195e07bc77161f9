"""The settings: read once, from one environment, and never shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from paperlark.model.problems import PaperlarkError
from paperlark.settings import Settings, described, load, sharing, supervisor, unknown


def test_an_empty_environment_gives_a_service_for_one_on_this_machine() -> None:
    settings = load({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.database_url.startswith("sqlite+aiosqlite:///")
    assert settings.database_url.endswith("/paperlark/paperlark.sqlite3")
    assert settings.telegram_token is None and settings.smtp_host is None
    assert settings.allow_private_addresses is False
    assert settings.lease_seconds == 120


def test_the_environment_is_the_one_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERLARK_PORT", "9999")
    assert load({}).port == 8080
    assert load().port == 9999


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load({}).port = 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("postgres://u:p@db.example.org:5432/lark", "postgresql+psycopg://u:p@db.example.org:5432/lark"),
        ("postgresql://db/lark?sslmode=require", "postgresql+psycopg://db/lark?sslmode=require"),
        ("postgresql+asyncpg://db/lark", "postgresql+psycopg://db/lark"),
        ("sqlite:///papers.sqlite3", "sqlite+aiosqlite:///papers.sqlite3"),
        ("sqlite:////srv/papers.sqlite3", "sqlite+aiosqlite:////srv/papers.sqlite3"),
        ("sqlite+aiosqlite:///papers.sqlite3", "sqlite+aiosqlite:///papers.sqlite3"),
        ("/srv/papers.sqlite3", "sqlite+aiosqlite:////srv/papers.sqlite3"),
        ("papers.sqlite3", "sqlite+aiosqlite:///papers.sqlite3"),
    ],
)
def test_a_database_is_named_as_people_name_it(written: str, meant: str) -> None:
    assert load({"PAPERLARK_DATABASE_URL": written}).database_url == meant


def test_copies_of_the_index_lie_beside_a_file_or_in_the_cache_under_the_databases_own_name() -> None:
    def folder(**given: str) -> Path:
        return load({f"PAPERLARK_{name}": value for name, value in given.items()}).index_dir

    assert folder(DATABASE_URL="/srv/papers.sqlite3") == Path("/srv/papers.sqlite3.index")
    one, other = folder(DATABASE_URL="postgresql://u:swordfish@db/one"), folder(DATABASE_URL="postgresql://u@db/other")
    assert one != other and one.parent == other.parent and "swordfish" not in str(one)
    assert folder(DATABASE_URL="papers.sqlite3", INDEX_DIR="/var/cache/lark") == Path("/var/cache/lark")


def test_a_host_that_sets_port_and_database_is_obeyed() -> None:
    settings = load({"PORT": "5000", "DATABASE_URL": "postgres://u:p@db/lark"})
    assert (settings.host, settings.port) == ("0.0.0.0", 5000)
    assert settings.database_url == "postgresql+psycopg://u:p@db/lark?sslmode=require"


@pytest.mark.parametrize(
    "address",
    [
        "postgres://u:p@127.0.0.1/lark",
        "postgres://u:p@[::1]:5433/lark",
        "postgres://localhost/lark",
        "postgres:///lark?host=/run/postgresql",
        "postgres://%2Frun%2Fpostgresql/lark",
        "postgres://u:p@db.internal/lark?sslmode=disable",
        "/srv/papers.sqlite3",
    ],
)
def test_a_hosts_database_is_reached_by_tls_unless_it_is_this_machine_or_says_otherwise(address: str) -> None:
    assert load({"DATABASE_URL": address}).database_url == load({"PAPERLARK_DATABASE_URL": address}).database_url
    remote = "postgres://u:p@db.internal/lark?application_name=lark"
    assert load({"DATABASE_URL": remote}).database_url.endswith("/lark?application_name=lark&sslmode=require")
    assert "sslmode" not in load({"PAPERLARK_DATABASE_URL": remote}).database_url


def test_a_dyno_keeps_no_sqlite_unless_it_is_told_to() -> None:
    with pytest.raises(PaperlarkError, match=r"a dyno's disk is erased every day.*PAPERLARK_ALLOW_SQLITE_ON_DYNO=on"):
        load({"DYNO": "web.1"})
    assert load({"DYNO": "web.1", "PAPERLARK_ALLOW_SQLITE_ON_DYNO": "on"}).allow_sqlite_on_dyno
    assert load({"DYNO": "web.1", "DATABASE_URL": "postgres://u:p@db/lark"}).database_connections == 12


def test_a_process_among_many_holds_fewer_connections_unless_it_was_said_how_many() -> None:
    assert [sharing(load({}), kind).database_connections for kind in ("web", "worker")] == [4, 8]
    told = load({"PAPERLARK_DATABASE_CONNECTIONS": "6"})
    assert [sharing(told, kind).database_connections for kind in ("web", "worker")] == [6, 6]


def test_systemds_credentials_are_secrets_in_files_named_by_their_variables(tmp_path: Path) -> None:
    (tmp_path / "PAPERLARK_HF_TOKEN").write_text("hf_of_a_credential\n")
    found = load({"CREDENTIALS_DIRECTORY": str(tmp_path)}).hf_token
    assert found is not None and found.get_secret_value() == "hf_of_a_credential"
    own = load({"CREDENTIALS_DIRECTORY": str(tmp_path), "PAPERLARK_HF_TOKEN": "mine"}).hf_token
    assert own is not None and own.get_secret_value() == "mine"


def test_systemd_is_known_by_its_socket_and_says_how_long_it_bears_silence() -> None:
    notify = {"NOTIFY_SOCKET": "/run/systemd/notify"}
    assert supervisor({}) is None
    assert supervisor(notify) == ("/run/systemd/notify", None)
    assert supervisor(notify | {"WATCHDOG_USEC": "60000000"}) == ("/run/systemd/notify", 60.0)
    assert supervisor(notify | {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}) == ("/run/systemd/notify", None)


def test_our_own_variables_come_first() -> None:
    settings = load({"PORT": "5000", "PAPERLARK_PORT": "6000", "PAPERLARK_HOST": "::1", "DATABASE_URL": "mysql://x"} | {
        "PAPERLARK_DATABASE_URL": "a.sqlite3"
    })  # fmt: skip
    assert (settings.host, settings.port, settings.database_url) == ("::1", 6000, "sqlite+aiosqlite:///a.sqlite3")
    assert load({"PORT": "5000", "PAPERLARK_PORT": "6000"}).host == "127.0.0.1"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load({"PAPERLARK_PORT": "", "PORT": "", "PAPERLARK_TELEGRAM_TOKEN": ""}) == load({})


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("123:abc\n")
    settings = load({"PAPERLARK_TELEGRAM_TOKEN_FILE": str(secret), "DATABASE_URL_FILE": str(secret)})
    assert settings.telegram_token is not None
    assert settings.telegram_token.get_secret_value() == "123:abc"
    assert settings.database_url == "sqlite+aiosqlite:///123:abc"
    secret.write_text("\n")
    assert load({"PAPERLARK_TELEGRAM_TOKEN_FILE": str(secret)}).telegram_token is None


def test_a_file_that_cannot_be_read_is_named_by_its_variable(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in [(tmp_path / "none", "No such file"), (tmp_path, "Is a directory"), (binary, "not text")]:
        with pytest.raises(PaperlarkError, match=f"PAPERLARK_HF_TOKEN_FILE names a file.*{reason}"):
            load({"PAPERLARK_HF_TOKEN_FILE": str(path)})
    with pytest.raises(PaperlarkError, match="are both set"):
        load({"PAPERLARK_HF_TOKEN_FILE": str(binary), "PAPERLARK_HF_TOKEN": "x"})


@pytest.mark.parametrize(
    ("env", "complaint"),
    [
        ({"PAPERLARK_PORT": "s3cret"}, "PAPERLARK_PORT should be a valid integer"),
        ({"PORT": "70000"}, "PORT should be less than or equal to 65535"),
        ({"PAPERLARK_DATABASE_URL": "mysql://u:s3cret@h/db"}, "PAPERLARK_DATABASE_URL should be postgresql://…"),
        ({"DATABASE_URL": "mysql://u:s3cret@h/db"}, "settings: DATABASE_URL should be postgresql://…"),
        ({"PAPERLARK_SMTP_TLS": "s3cret"}, "PAPERLARK_SMTP_TLS should be 'starttls', 'tls' or 'none'"),
        ({"PAPERLARK_PUBLIC_URL": "ftp://s3cret"}, "PAPERLARK_PUBLIC_URL should be an address like https://"),
        ({"PAPERLARK_TELEGRAM_API": "https://u:s3cret@h"}, "PAPERLARK_TELEGRAM_API should be an address like"),
        ({"PAPERLARK_SMTP_HOST": "mail"}, "PAPERLARK_SMTP_HOST needs PAPERLARK_SMTP_SENDER"),
        ({"PAPERLARK_SMTP_PASSWORD": "s3cret"}, "PAPERLARK_SMTP_USERNAME and PAPERLARK_SMTP_PASSWORD are needed"),
        ({"PAPERLARK_WEBHOOK_SECRET": "whsec_s3cret"}, "PAPERLARK_WEBHOOK_SECRET should be whsec_ and 24 to 64 bytes"),
        ({"PAPERLARK_DKIM_KEY": "s3cret"}, "PAPERLARK_DKIM_KEY needs PAPERLARK_DKIM_SELECTOR"),
        ({"PAPERLARK_SECRET_KEY": "s3cret"}, "PAPERLARK_SECRET_KEY should have 32 characters or more"),
        ({"PAPERLARK_TRUSTED_PROXIES": "s3cret"}, "PAPERLARK_TRUSTED_PROXIES should be networks like 10.0.0.0/8"),
        ({"PAPERLARK_LEASE_SECONDS": "0"}, "PAPERLARK_LEASE_SECONDS should be greater than 0"),
        (
            {"PAPERLARK_ALLOW_PRIVATE_ADDRESSES": "s3cret"},
            "PAPERLARK_ALLOW_PRIVATE_ADDRESSES should be a valid boolean",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_the_variable_and_no_value(env: dict[str, str], complaint: str) -> None:
    with pytest.raises(PaperlarkError) as raised:
        load(env)
    text = str(raised.value)
    assert complaint in text
    assert "s3cret" not in text and "\n" not in text
    assert text.count("PAPERLARK_SMTP_PORT") == 0
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(PaperlarkError, match=r"PAPERLARK_PORT .*; PAPERLARK_LOG_FORMAT "):
        load({"PAPERLARK_PORT": "x", "PAPERLARK_LOG_FORMAT": "xml"})


@given(st.dictionaries(st.sampled_from([f"PAPERLARK_{name.upper()}" for name in Settings.model_fields]), st.text()))
def test_no_environment_fails_in_any_other_way(env: dict[str, str]) -> None:
    try:
        load(env)
    except PaperlarkError as error:
        assert "\n" not in str(error)


def test_the_mail_servers_port_follows_its_security() -> None:
    assert [load({"PAPERLARK_SMTP_TLS": mode}).smtp_port for mode in ("starttls", "TLS", "none")] == [587, 465, 25]
    assert load({"PAPERLARK_SMTP_TLS": "tls", "PAPERLARK_SMTP_PORT": "2525"}).smtp_port == 2525


SECRETIVE = {
    "PAPERLARK_TELEGRAM_TOKEN": "s3cret-token",
    "PAPERLARK_SMTP_USERNAME": "s3cret-user",
    "PAPERLARK_SMTP_PASSWORD": "s3cret-mail",
    "PAPERLARK_HF_TOKEN": "s3cret-hf",
    "PAPERLARK_DATABASE_URL": "postgres://lark:s3cret%2Fdb@db/lark",
    "PAPERLARK_CONTACT": "s3cret@example.org",
    "PAPERLARK_SMTP_BOUNCES": "s3cret@example.org",
    "PAPERLARK_SECRET_KEY": "s3cret-key-that-is-quite-long-enough",
    "PAPERLARK_DKIM_KEY": "s3cret-dkim",
    "PAPERLARK_DKIM_SELECTOR": "lark1",
}


def test_no_value_is_shown_by_repr_or_description() -> None:
    settings = load(SECRETIVE)
    assert "s3cret" not in repr(settings) and "s3cret" not in str(settings)
    assert "s3cret" not in repr(described(settings))


def test_the_secrets_are_known_so_that_logs_can_hide_them() -> None:
    secrets = load(SECRETIVE).secrets()
    assert set(secrets) == {"s3cret-token", "s3cret-mail", "s3cret-hf", "s3cret%2Fdb", "s3cret/db",
                            "s3cret-dkim", "s3cret-key-that-is-quite-long-enough"}  # fmt: skip
    assert load({}).secrets() == ()


def test_the_description_says_of_every_variable_whether_it_is_set_and_what_it_is_for() -> None:
    lines = {line.variable: line for line in described(load({"PAPERLARK_TELEGRAM_TOKEN": "1:x"}))}
    assert len(lines) == len(Settings.model_fields)
    assert lines["PAPERLARK_TELEGRAM_TOKEN"].state == "set"
    assert lines["PAPERLARK_PORT"].state == "default"
    assert lines["PAPERLARK_SMTP_HOST"].state == "unset"
    assert all(line.purpose for line in lines.values())


def test_a_slip_of_the_pen_is_noticed() -> None:
    env = {"PAPERLARK_TELEGRAM_TOKN": "x", "PAPERLARK_HF_TOKEN_FILE": "x", "PAPERLARK_ZZ": "x", "OTHER": "x"}
    assert unknown(env) == [("PAPERLARK_TELEGRAM_TOKN", "PAPERLARK_TELEGRAM_TOKEN"), ("PAPERLARK_ZZ", None)]
