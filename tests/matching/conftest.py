"""The compiled core, where there is one."""

import pytest

from paperlark.matching import core
from paperlark.matching.core import Core
from tests.programs import lacking


@pytest.fixture(scope="session")
def compiled() -> Core:
    """The core in C."""
    return core.COMPILED or lacking("there is no compiled core: there was no compiler when paperlark was installed")
