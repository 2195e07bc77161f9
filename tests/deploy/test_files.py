"""The files that hosts are given: of the right shape, and saying the same as the program."""

import json
import re
import secrets
import shutil
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from paperlark.cli.running import LATEST_EXIT
from paperlark.settings import CONNECTIONS, Settings
from paperlark.store.database import RELEASING
from paperlark.store.sealed import Seals
from tests.cli.test_help import every_command
from tests.deploy import image, walked
from tests.programs import needed

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
PROCFILE = dict(re.findall(r"^(\w+): (?:exec )?(.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
"""Commands by the names of their processes. `exec`: a signal meets the process, and no shell before it."""
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
FLY: dict[str, Any] = tomllib.loads((DEPLOY / "fly.toml").read_text())
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text()


def stages() -> tuple[image.Stage, image.Stage]:
    first, last = image.read((DEPLOY / "Dockerfile").read_text())
    return first, last


def test_the_procfile_names_commands_that_there_are() -> None:
    assert {name: command.split()[0] for name, command in PROCFILE.items()} == dict.fromkeys(PROCFILE, "paperlark")
    assert {command.split()[1] for command in PROCFILE.values()} <= every_command().keys()


def test_every_host_starts_the_same_processes() -> None:
    services = {name: " ".join(told["command"]) for name, told in COMPOSE["services"].items() if name != "database"}
    assert services == {"migrate": PROCFILE["release"], "web": PROCFILE["web"], "worker": PROCFILE["worker"]}
    assert FLY["processes"] == {name: PROCFILE[name] for name in ("web", "worker")}
    assert FLY["deploy"]["release_command"] == PROCFILE["release"]
    assert set(json.loads((ROOT / "app.json").read_text())["formation"]) == {"web", "worker"}


def test_whoever_stops_a_process_waits_longer_than_it_takes() -> None:
    waits = [FLY["kill_timeout"], *(told["stop_grace_period"] for name, told in COMPOSE["services"].items())]
    assert all(int(wait.removesuffix("s")) > LATEST_EXIT for wait in waits)
    unit = (DEPLOY / "systemd" / "paperlark@.service").read_text()
    assert "TimeoutStopSec=30\n" in unit and LATEST_EXIT < 20


def test_one_of_each_and_a_release_fit_the_smallest_plan() -> None:
    assert CONNECTIONS["web"] + CONNECTIONS["worker"] + RELEASING <= 20
    assert json.loads((ROOT / "app.json").read_text())["addons"] == [{"plan": "heroku-postgresql:essential-0"}]


def test_the_app_of_heroku_makes_its_secrets_and_asks_for_nothing_else() -> None:
    env = json.loads((ROOT / "app.json").read_text())["env"]
    assert env["PAPERLARK_SECRET_KEY"]["generator"] == env["PAPERLARK_ENCRYPTION_KEYS"]["generator"] == "secret"
    settled = {name for name, told in env.items() if "value" in told or "generator" in told}
    assert all(env[name]["required"] is False for name in env.keys() - settled)
    assert {name.removeprefix("PAPERLARK_").lower() for name in env} <= set(Settings.model_fields)


KEYS = "PAPERLARK_ENCRYPTION_KEYS"


@pytest.mark.parametrize("title", ["Debian with systemd", "Docker compose", "Docker alone", "Heroku", "Fly.io"])
def test_each_host_makes_a_key_for_what_the_store_keeps(title: str) -> None:
    made = [line for language in ("sh", "console") for block in walked.blocks(title, language)
            for line in block.splitlines() if "ENCRYPTION_KEYS" in line]  # fmt: skip
    assert len(made) == 1 and "openssl rand -hex 32" in made[0]
    assert "loses the keys loses the addresses" in " ".join(walked.sections()["Keys"].split())


def test_the_keys_that_hosts_make_are_keys() -> None:
    """Heroku's `secret` is 64 hexadecimal digits, openssl's line the same."""
    settings = Settings.model_validate({"encryption_keys": secrets.token_hex(32)})
    seals = Seals(settings.sealing_keys())
    assert seals.open(seals.seal("desk@example.org", "a.b"), "a.b") == "desk@example.org"


def test_the_line_for_a_file_of_settings_sets_the_key(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    file = shutil.copy(DEPLOY / ".env.example", tmp_path / "deploy" / ".env")
    (line,) = {line for title in ("Docker compose", "Docker alone") for block in walked.blocks(title, "console")
               for line in block.splitlines() if KEYS in line}  # fmt: skip
    kept = []
    for _ in range(2):  # a key that is there stays
        subprocess.run(["bash", "-e", "-c", line], cwd=tmp_path, check=True, timeout=30)
        kept += re.findall(rf"^{KEYS}=([0-9a-f]{{64}})$", Path(file).read_text(), re.MULTILINE)
    assert len(kept) == 2 and kept[0] == kept[1]


def test_heroku_finds_one_package_manager_and_a_python() -> None:
    """Files of two fail the build there (heroku-buildpack-python)."""
    assert (ROOT / "uv.lock").is_file() and (ROOT / ".python-version").is_file()
    assert not any(
        (ROOT / name).exists() for name in ("requirements.txt", "Pipfile.lock", "poetry.lock", "runtime.txt")
    )


def test_compose_has_the_shape_that_compose_reads() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*check, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_compose_nobody_begins_before_the_database_is_migrated() -> None:
    services = COMPOSE["services"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for name in ("web", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["read_only"] and services[name]["cap_drop"] == ["ALL"]
    assert services["web"]["ports"] == ["127.0.0.1:8080:8080"]


def test_a_worker_is_asked_whether_it_is_well() -> None:
    worker = COMPOSE["services"]["worker"]
    port = worker["environment"]["PAPERLARK_METRICS_PORT"]
    assert f"http://127.0.0.1:{port}/readyz" in worker["healthcheck"]["test"][-1]
    assert worker["environment"].items() > COMPOSE["services"]["web"]["environment"].items()
    check = FLY["checks"]["worker"]
    assert (check["processes"], check["path"]) == (["worker"], "/readyz")
    assert str(check["port"]) == FLY["env"]["PAPERLARK_METRICS_PORT"]


def test_no_machine_of_fly_is_put_to_sleep() -> None:
    assert FLY["http_service"]["auto_stop_machines"] == "off" and FLY["http_service"]["min_machines_running"] >= 1
    assert FLY["http_service"]["internal_port"] == int(stages()[1].variables["PAPERLARK_PORT"])


def test_the_image_has_two_stages_runs_as_nobody_and_ends_when_it_is_told() -> None:
    first, last = stages()
    assert first.name == "build" and first.base == last.base and ":latest" not in last.base and ":" in last.base
    assert int(last.said("USER")[0]) > 0
    assert last.said("STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(last.said("CMD")[0]) == ["paperlark", "run"]
    assert last.said("HEALTHCHECK")[0].startswith("--start-period=20s --interval=60s")
    assert last.variables["PYTHONUNBUFFERED"] == "1"
    known = {f"PAPERLARK_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in last.variables if name.startswith("PAPERLARK_")} <= known


def test_the_image_is_given_what_it_copies_and_nothing_secret() -> None:
    given = image.context(ROOT, IGNORED)
    copied = [name for words in stages()[0].said("COPY") for name in words.split()[:-1]]
    assert all(any(each == name or each.startswith(f"{name}/") for each in given) for name in copied)
    assert all(any(each == name or each.startswith(f"{name}/") for name in copied) for each in given)
    assert not [each for each in given if each.endswith((".so", ".pyc", ".env"))]


def test_the_last_line_that_fits_decides_what_an_image_is_given() -> None:
    told = "*\n!src\n**/*.so\n"
    assert [image.ignored(told, name) for name in ("a.py", "src/a.py", "src/deep/a.so", ".git/a")] == [1, 0, 1, 1]


def test_systemd_understands_the_unit_and_finds_it_well_closed(tmp_path: Path) -> None:
    analyze = needed("systemd-analyze", "systemd")
    unit = tmp_path / "paperlark@.service"
    written = (DEPLOY / "systemd" / unit.name).read_text()
    unit.write_text(written.replace("/opt/paperlark/bin/paperlark", shutil.which("true") or ""))
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=20", str(unit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


UNIT = """
Type=notify WatchdogSec=60 Restart=always RestartSec=5 ProtectSystem=strict NoNewPrivileges=true PrivateTmp=true
PrivateDevices=true MemoryDenyWriteExecute=true StateDirectory=paperlark User=paperlark
LoadCredential=PAPERLARK:/etc/paperlark/secrets EnvironmentFile=/etc/paperlark/paperlark.env
"""
"""What its unit says, at least."""


def test_the_unit_is_told_of_life_closed_in_and_handed_its_secrets() -> None:
    said = (DEPLOY / "systemd" / "paperlark@.service").read_text().splitlines()
    assert set(UNIT.split()) <= set(said)


def test_the_example_of_the_settings_has_each_with_its_purpose() -> None:
    written = (DEPLOY / ".env.example").read_text(encoding="utf-8")
    for name, setting in Settings.model_fields.items():
        purpose = textwrap.fill(
            setting.description or "", 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
        assert f"\n{purpose}\n#PAPERLARK_{name.upper()}=\n" in written, f"add to deploy/.env.example:\n{purpose}"
    assert written.count("\n#PAPERLARK_") == len(Settings.model_fields)
