"""The example that searches in every script, on the real stack."""

import subprocess
import sys
from pathlib import Path

from webox_stack import Stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "search-in-every-script.py"


def test_twelve_queries_find_what_they_should(webox: Stack) -> None:
    result = subprocess.run(
        [sys.executable, str(EXAMPLE), webox.url],
        env={},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "All 12 found what they should." in result.stdout
    assert "[étudiants] [étudient]-ils le [cœur]" in result.stdout
