"""`dead-letters list|show|retry|drop`: what an operator does about events that failed for good."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from webox_kit.letters import Letter, Letters

Operate = Callable[[Callable[[Any], Awaitable[Any]]], Any]
"""Runs work on the service's Runtime."""

_LOOK_SECONDS = 0.1

_IDS = click.argument("ids", type=click.IntRange(min=1), nargs=-1)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def dead_letters_of(service: str, operate: Operate) -> click.Group:
    """The command group of a service; it imports what it needs only when it is run."""

    @click.group(
        "dead-letters",
        help="Events that failed five times and were put aside: why, and what to do with them.",
    )
    def group() -> None: ...

    _add_reading(group, service, operate)
    _add_changing(group, service, operate)
    return group


def _add_reading(group: click.Group, service: str, operate: Operate) -> None:
    @group.command("list", help="Show them all, oldest first.")
    @_JSON
    def list_(as_json: bool) -> None:
        letters = operate(lambda runtime: _box(runtime).all())
        if as_json:
            _print_json(service, letters)
        else:
            click.echo(_table(service, letters))

    @group.command(help="Show why some failed, and the shape of their events: never what they say.")
    @click.argument("ids", type=click.IntRange(min=1), nargs=-1, required=True)
    @_JSON
    def show(ids: tuple[int, ...], as_json: bool) -> None:
        letters = operate(lambda runtime: _box(runtime).some(ids))
        if as_json:
            _print_json(service, letters)
        else:
            click.echo("\n\n".join(map(_description, letters)))


def _add_changing(group: click.Group, service: str, operate: Operate) -> None:
    @group.command(
        help="Give some back to the consumer, once their cause is mended. Each has its effect "
        "once and then goes; one that fails again stays. The exit code is 1 if any stayed."
    )
    @_IDS
    @click.option("--all", "everything", is_flag=True, help="Every letter of this service.")
    @click.option(
        "--wait",
        "seconds",
        type=click.FloatRange(min=0),
        default=60.0,
        show_default=True,
        help="Seconds to wait for the consumer at most.",
    )
    def retry(ids: tuple[int, ...], everything: bool, seconds: float) -> None:
        outcome = operate(lambda runtime: _retry(_box(runtime), ids, everything, seconds))
        for sentence in outcome:
            click.echo(f"{service}: {sentence}")
        if len(outcome) > 1:
            raise SystemExit(1)

    @group.command(help="Forget some for good: their events will never have an effect.")
    @_IDS
    @click.option("--all", "everything", is_flag=True, help="Every letter of this service.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def drop(ids: tuple[int, ...], everything: bool, yes: bool) -> None:
        letters = operate(lambda runtime: _chosen(_box(runtime), ids, everything=everything))
        if letters and not yes:
            click.confirm(f"Drop {_count(len(letters))} of {service} for good?", abort=True)
        dropped = operate(lambda runtime: _box(runtime).drop([each.id for each in letters]))
        click.echo(f"{service}: {_count(dropped)} dropped.")


def _box(runtime: Any) -> "Letters":
    box: Letters = import_module("webox_kit.letters").Letters(
        runtime.database, runtime.redis, runtime.name
    )
    return box


async def _chosen(box: "Letters", ids: Sequence[int], *, everything: bool) -> "list[Letter]":
    if everything == bool(ids):
        raise click.UsageError("Say which: give their ids or --all, one of the two.")
    return await box.all() if everything else await box.some(ids)


async def _retry(
    box: "Letters", ids: Sequence[int], everything: bool, seconds: float
) -> Sequence[str]:
    """What became of them, in sentences; the first says how many succeeded."""
    letters = await _chosen(box, ids, everything=everything)
    await box.put_back(letters)
    waiting = {each.id: each.attempts for each in letters}
    failed: list[int] = []
    deadline = time.monotonic() + seconds
    while waiting:
        left = await box.attempts(list(waiting))
        failed += [key for key, attempts in left.items() if attempts > waiting[key]]
        waiting = {key: waiting[key] for key in left if key not in failed}
        if not waiting or time.monotonic() >= deadline:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    succeeded = len(letters) - len(failed) - len(waiting)
    reasons = [each for each in await box.all() if each.id in failed]
    return [
        f"{_count(succeeded)} applied.",
        *(f"{each.id} failed again: {each.reason}" for each in reasons),
        *([f"{_count(len(waiting))} not taken yet: {_ASK_EVENTS}"] if waiting else []),
    ]


_ASK_EVENTS = "is the `events` process up? It will try them when it is."


def _count(number: int) -> str:
    return f"{number} dead letter{'' if number == 1 else 's'}"


def _print_json(service: str, letters: "Sequence[Letter]") -> None:
    for letter in letters:
        click.echo(orjson.dumps({"service": service, **asdict(letter)}).decode())


def _table(service: str, letters: "Sequence[Letter]") -> str:
    if not letters:
        return f"{service}: no dead letters."
    lines = [
        f"{each.id:>6}  {each.created_at:%Y-%m-%d %H:%M:%S}  {each.attempts:>5}"
        f"  {each.consumer:<9}  {each.event_type or '-':<28}  {each.reason}"
        for each in letters
    ]
    head = f"{'id':>6}  {'when (UTC)':<19}  tries  {'consumer':<9}  {'event':<28}  reason"
    return "\n".join([f"{service}: {_count(len(letters))}", head, *lines])


def _description(letter: "Letter") -> str:
    return "\n".join(
        [
            f"Id:       {letter.id}",
            f"Consumer: {letter.consumer}",
            f"Event:    {letter.event_type or '-'}",
            f"From:     {letter.stream}, entry {letter.entry_id}",
            f"Since:    {letter.created_at:%Y-%m-%d %H:%M:%S} UTC",
            f"Tries:    {letter.attempts}",
            f"Reason:   {letter.reason}",
            f"Shape:    {letter.shape}",
            *(["Kept:     not whole: it can only be dropped"] if letter.is_cut else []),
        ]
    )
