"""`verify`: compares what a service derived with where it came from, and lists the differences."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import orjson

from webox_kit.references import referenced

if TYPE_CHECKING:
    from webox_kit.verification import Difference

Operate = Callable[[Callable[[Any], Awaitable[Any]]], Any]
"""Runs work on the service's Runtime."""


class _UnknownError(click.ClickException):
    """Something is away: there may be differences or not."""

    exit_code = 2


def verify_of(service: str, operate: Operate, look: str) -> click.Command:
    """The command of a service; `look` is `module:attribute`, imported when it is run."""

    @click.command(
        "verify",
        help="Compare what this service keeps with where that came from, while Webox runs, and "
        "list the differences. The exit code is 0 if there are none, 1 if there are, and 2 if "
        "something is away.",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @click.option(
        "--pause",
        type=click.FloatRange(min=0),
        default=3.0,
        show_default=True,
        help="Seconds until the second look: what is gone by then was under way.",
    )
    def verify(as_json: bool, pause: float) -> None:
        try:
            found = operate(lambda runtime: _lasting(runtime, look, pause))
        except click.ClickException as error:
            raise _UnknownError(error.message) from None
        for each in found:
            click.echo(_json(service, each) if as_json else _line(each))
        if not as_json:
            click.echo(f"{service}: {_count(len(found))}.")
        if found:
            raise SystemExit(1)

    return verify


async def _lasting(runtime: Any, look: str, pause: float) -> "list[Difference]":
    verification = import_module("webox_kit.verification")
    async with referenced(look)(runtime) as once:
        found: list[Difference] = await verification.lasting_differences(once, pause_seconds=pause)
        return found


def _json(service: str, difference: "Difference") -> str:
    return orjson.dumps({"service": service, **asdict(difference)}).decode()


def _line(difference: "Difference") -> str:
    return (
        f"{difference.kind} {difference.id}: the source says {difference.source}, "
        f"the model {difference.model}"
    )


def _count(number: int) -> str:
    if number == 0:
        return "no differences"
    return f"{number:,} difference{'' if number == 1 else 's'}"
