"""Discord's own description of its API, as a judge of what we send."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

SPEC = Path("../shared/data/specs/discord+discord-api-spec/openapi.json.gz")


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of one of the description's schemas; skips where it is not there."""
    if not SPEC.exists():
        pytest.skip("test data not found: ../shared/data")
    spec = json.loads(gzip.decompress(SPEC.read_bytes()))
    assert name in spec["components"]["schemas"]
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": spec["components"]})


def faults(name: str, value: Any) -> list[str]:
    """What is wrong with a value, by the description."""
    return [f"{'/'.join(map(str, error.path))}: {error.message[:300]}" for error in validator(name).iter_errors(value)]
