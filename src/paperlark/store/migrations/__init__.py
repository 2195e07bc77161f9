"""The database's versions (Alembic), run from code: `upgrade` brings a database to HEAD in the caller's transaction."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

HEAD = "0018"
VERSIONS = Path(__file__).parent / "versions"


def known() -> frozenset[str]:
    """Every version that this paperlark knows."""
    return frozenset(file.name.split("_", 1)[0] for file in VERSIONS.glob("[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """The version that the database is at, or None."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(connection: Connection) -> None:
    """Run what is missing up to HEAD. Alembic is imported here: it is slow to import and needed once a release."""
    from alembic import command
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent))
    configuration.set_main_option("path_separator", "os")
    configuration.set_main_option("version_locations", str(VERSIONS))
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")
