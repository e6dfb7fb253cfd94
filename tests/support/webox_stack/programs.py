"""The installed commands."""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def program(name: str) -> str:
    """The path of a command of the environment that runs this."""
    return str(Path(sys.executable).parent / name)
