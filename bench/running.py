"""A Webox for a benchmark, whose providers are the double."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT / "tests" / "support"))

from webox_stack import (  # noqa: E402 - found on the path above
    DoubleProgram,
    Stack,
    User,
    eventually,
    registered,
    running_double_program,
    running_stack,
    signed_in,
    write_registry,
)
from webox_stack.inserted import inserted  # noqa: E402 - likewise
from webox_stack.programs import program  # noqa: E402 - likewise
from webox_stack.user import PASSWORD  # noqa: E402 - likewise

__all__ = [
    "PASSWORD",
    "PROJECT",
    "DoubleProgram",
    "Stack",
    "User",
    "eventually",
    "inserted",
    "program",
    "registered",
    "running_double_program",
    "running_stack",
    "running_webox",
    "signed_in",
    "write_registry",
]


@contextmanager
def running_webox() -> Iterator[tuple[Stack, DoubleProgram]]:
    """Started as a user starts it, in a temporary folder; ended after."""
    with tempfile.TemporaryDirectory(prefix="webox-bench-") as name:
        folder = Path(name)
        with running_double_program(folder) as double:
            environment = write_registry(folder, double.url) | {"WEBOX_LOGIN_TRIES": "1000"}
            with running_stack(folder, environment) as stack:
                yield stack, double
