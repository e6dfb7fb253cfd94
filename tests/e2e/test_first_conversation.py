"""The walk that the README shows."""

import os
import subprocess
from pathlib import Path

from webox_stack import Stack

WALK = Path(__file__).parents[2] / "examples" / "first-conversation.sh"


def test_the_first_conversation_goes_as_the_readme_says(webox: Stack, tmp_path: Path) -> None:
    result = subprocess.run(
        ["sh", str(WALK), webox.url],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stderr + result.stdout[-2000:]
    assert "All as it should be" in result.stdout
    (folder,) = tmp_path.iterdir()
    assert sorted(file.name for file in folder.iterdir()) == [
        "conversation.docx",
        "conversation.html",
        "conversation.json",
        "conversation.md",
        "conversation.pdf",
        "conversation.txt",
    ]
