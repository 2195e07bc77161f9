"""What some tests need and a machine may lack: programs of Debian's packages, a compiled core, an extra."""

import os
import shutil
from typing import NoReturn

import pytest


def needed(name: str, package: str) -> str:
    """Where a program is; a machine without it lacks it."""
    return shutil.which(name) or lacking(f"{name} is not on this machine: install Debian's package {package}")


def lacking(told: str) -> NoReturn:
    """Skip the test. CI installs what the tests need (`make browser compiler`): there what is missing is a failure, for
    a skip would hide that nothing was tested."""
    if os.environ.get("CI"):
        pytest.fail(told)
    pytest.skip(told)
