"""The provider double as a program of its own, which outlives every process of Webox."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from webox_kit.testing import PLAIN_HTTP
from webox_stack.programs import program


@dataclass(frozen=True)
class DoubleProgram:
    """A provider's base URL is `url` with `/v1` behind it."""

    url: str
    _http: httpx.Client

    def calls(self, model: str) -> list[dict[str, Any]]:
        """What it was asked as `model`, oldest first; `outcome` says how each call ended."""
        answer = self._http.get("/calls").raise_for_status().json()
        return [call for call in answer["calls"] if call["model"] == model]

    def outcomes(self, model: str) -> list[str]:
        """How each of these calls ended, or `running`."""
        return [call["outcome"] for call in self.calls(model)]


@contextlib.contextmanager
def running_double_program(folder: Path) -> Iterator[DoubleProgram]:
    with (
        (folder / "double.log").open("w") as errors,
        subprocess.Popen(
            [program("webox-provider-double")], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        try:
            with httpx.Client(base_url=url, verify=PLAIN_HTTP) as http:
                yield DoubleProgram(url, http)
        finally:
            process.terminate()
            assert process.wait(timeout=10) == 0
