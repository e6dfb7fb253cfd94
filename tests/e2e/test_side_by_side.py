"""The streaming walk: what it shows on the real stack, and that it would notice what is wrong."""

import importlib.util
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest
from webox_stack import PROVIDERS, DoubleProgram, Stack, eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "side-by-side.py"
_numbers = count(1)


def run(address: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), address, *options],
        env={},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def models(kind: str) -> dict[str, str]:
    """A model a provider, of this run's own."""
    number = next(_numbers)
    return {name: f"{kind}+side-{number}-{name}" for name in PROVIDERS}


def options_of(asked: dict[str, str]) -> list[str]:
    return [f"--model={name}={model}" for name, model in asked.items()]


async def test_four_providers_one_cancelled_one_retried_and_the_connection_resumed(
    webox: Stack, double: DoubleProgram
) -> None:
    asked, other = models("drip:15"), f"drip:5+other-{next(_numbers)}"
    result = run(webox.url, *options_of(asked), f"--retry-with={other}")
    assert result.returncode == 0, result.stderr + result.stdout
    assert "All as it should be: 5 texts without gap or repeat" in result.stdout
    assert "DeepSeek stopped with its text so far" in result.stdout
    assert f"GPT-4 asked again with {other}" in result.stdout
    assert "-- the connection is cut, and resumed after" in result.stdout
    for name, model in {**asked, "again": other}.items():
        assert model in result.stdout
        wanted = ["aborted" if name == "DeepSeek" else "finished"]

        async def called(model: str = model, wanted: list[str] = wanted) -> None:
            assert double.outcomes(model) == wanted

        await eventually(called)


def test_it_says_what_is_missing_when_a_reply_cannot_be_stopped(webox: Stack) -> None:
    asked = models("drip:15") | {"DeepSeek": "ok"}
    result = run(webox.url, *options_of(asked), "--retry-with=ok")
    assert result.returncode == 1
    assert result.stderr.startswith("side-by-side: POST /api/chat/messages/")
    assert "409: The reply of DeepSeek is done already." in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9 does not answer"),
        ("nonsense", "nonsense is no address like http://127.0.0.1:8000"),
    ],
)
def test_an_address_where_nothing_is_gets_a_sentence(address: str, said: str) -> None:
    result = run(address)
    assert result.returncode == 1
    assert result.stderr.startswith(f"side-by-side: {said}")
    assert len(result.stderr.splitlines()) == 1


def test_help_says_what_it_does() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert "WEBOX_TOKEN" in result.stdout
    assert "--retry-with" in result.stdout


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("side_by_side", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["side_by_side"] = module
    spec.loader.exec_module(module)
    return module


BEGUN = ("message", {"message_id": 1, "replies": [{"id": 2, "provider": "A", "model": "m"}]})
HELLO = ("delta", {"provider": "A", "reply_id": 2, "offset": 0, "text": "hello"})


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([HELLO, ("delta", HELLO[1] | {"offset": 6})], "A: a gap from 5 to 6"),
        ([HELLO, ("delta", HELLO[1] | {"offset": 4})], "A: repeats what came from 4 on"),
        ([HELLO, HELLO], "A: repeats what came from 0 on"),
        (
            [HELLO, ("reply", {"id": 2, "status": "done", "content": "hell"})],
            "A's text is not what was streamed",
        ),
    ],
)
def test_it_notices_a_text_that_is_not_whole(
    example: ModuleType, events: list[tuple[str, dict[str, object]]], said: str
) -> None:
    watched = example.Watched()
    *before, last = [
        example.Event(name, str(number), data)
        for number, (name, data) in enumerate([BEGUN, *events])
    ]
    for event in before:
        watched.take(event)
    with pytest.raises(example.WalkError, match=said):
        watched.take(last)
