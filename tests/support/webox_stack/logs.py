"""What the programs of a Webox have written."""

import json
from pathlib import Path

LINES_SHOWN = 30
SERVER_ERROR = 500


class Logs:
    """The logs in `folder`, and what `webox up` itself said in `output`."""

    def __init__(self, folder: Path, output: Path) -> None:
        self.folder = folder
        self.output = output
        self._marks: dict[Path, int] = {}

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.log")) if self.folder.is_dir() else []

    def mark(self) -> None:
        """From here on, `tail` shows only what is new."""
        self._marks = {file: file.stat().st_size for file in self.files()}

    def tail(self) -> str:
        """The last lines of every log since the mark, but those of requests that went well."""
        parts = []
        for name, text in self.new().items():
            told = [line for line in text.splitlines() if not _is_ordinary(line)][-LINES_SHOWN:]
            if told:
                parts.append(f"--- {name}\n" + "\n".join(told))
        return "\n".join(parts)

    def new(self) -> dict[str, str]:
        """All that each program wrote since the mark, by its name."""
        written = {}
        for file in self.files():
            with file.open("rb") as log:
                log.seek(self._marks.get(file, 0))
                written[file.stem] = log.read().decode("utf-8", "replace")
        return written

    def whole(self) -> str:
        """Everything that was ever written, for looking whether something is not in it."""
        return "\n".join(
            file.read_text(encoding="utf-8", errors="replace") for file in self.files()
        )


def _is_ordinary(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.get("status", SERVER_ERROR) < SERVER_ERROR
