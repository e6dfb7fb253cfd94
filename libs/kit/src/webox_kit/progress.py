"""How far long work is, on standard error: in place on a terminal, else a line now and then."""

import sys
import time

_TERMINAL_SECONDS = 0.2
_LINE_SECONDS = 5.0
_AN_HOUR, _A_MINUTE = 3600, 60


class Progress:
    """Tells of one piece of work, from its first `tell` on."""

    def __init__(self, what: str, unit: str) -> None:
        self._what, self._unit = what, unit
        self._began = self._told = time.monotonic()
        self._in_place = sys.stderr.isatty()

    def tell(self, done: int, total: int | None = None) -> None:
        """Say how much is done, of how much if that is known; most calls say nothing."""
        now = time.monotonic()
        if now - self._told >= (_TERMINAL_SECONDS if self._in_place else _LINE_SECONDS):
            self._told = now
            self._write(progress_line(self._what, self._unit, done, total, now - self._began))

    def end(self, done: int) -> None:
        """Say how much it was in all."""
        seconds = time.monotonic() - self._began
        rate = f", {done / seconds:,.0f}/s" if seconds > 0 else ""
        self._write(f"{self._what}: {done:,} {self._unit} in {seconds:.1f} s{rate}", last=True)

    def _write(self, line: str, *, last: bool = False) -> None:
        if self._in_place:
            sys.stderr.write(f"\r\x1b[K{line}{chr(10) * last}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def progress_line(what: str, unit: str, done: int, total: int | None, seconds: float) -> str:
    """For example `Search: 12,000 of 48,000 texts, 4,000/s, about 9 s left`."""
    rate = done / seconds if seconds > 0 else 0.0
    if not total:
        return f"{what}: {done:,} {unit}, {rate:,.0f}/s"
    left = f", about {_span((total - done) / rate)} left" if rate and done < total else ""
    return f"{what}: {done:,} of {total:,} {unit}, {rate:,.0f}/s{left}"


def _span(seconds: float) -> str:
    for unit, size in (("h", _AN_HOUR), ("min", _A_MINUTE)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
