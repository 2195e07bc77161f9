"""The API under schemathesis, in short: a few requests of each operation, and some stories of several. The long form,
and what is left out and why: `fuzz`."""

from pathlib import Path

from paperlark.store.database import Store
from tests.web.fuzz import fuzz


async def test_nothing_is_found_with_tokens(store: Store, tmp_path: Path) -> None:
    code, said = await fuzz(store, tmp_path, examples=1, phases=("fuzzing", "stateful"), tokens=True)
    assert code == 0, said
    assert "Tested:" in said


async def test_nothing_is_found_without_a_token(sqlite_store: Store, tmp_path: Path) -> None:
    code, said = await fuzz(sqlite_store, tmp_path, examples=1, phases=("fuzzing",), tokens=False)
    assert code == 0, said
