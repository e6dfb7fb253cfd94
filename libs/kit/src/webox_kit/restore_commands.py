"""`after-restore` and `caught-up`: what a service does when its database was restored."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click

from webox_kit.references import referenced

Operate = Callable[..., Any]
"""Runs work on the service's Runtime."""


def after_restore_of(service: str, own: str | None, operate: Operate) -> click.Command:
    """The command of a service; `own` is `module:attribute` of what only this service does."""

    @click.command(
        "after-restore",
        help="Make a restored database ready, before any process of the service uses it: migrate "
        "it, have its events published again to a Redis that must be empty, and end what must not "
        "go on (sessions, half-done rebuilds). Doing it again does no harm.",
    )
    def after_restore() -> None:
        operate(lambda runtime: _make_ready(runtime, own), check_migrated=False)
        click.echo(f"{service}: the restored database is ready.")

    return after_restore


def caught_up_of(streams: str | None, operate: Operate) -> click.Command:
    """The command of a service; `streams` is `module:attribute` of those that it consumes."""

    @click.command(
        "caught-up",
        help="Wait until this service has applied every event that there is, and published its "
        "own. The exit code is 1 if it has not within the time.",
    )
    @click.option(
        "--wait",
        "seconds",
        type=click.FloatRange(min=0),
        default=600.0,
        show_default=True,
        help="Seconds to wait at most.",
    )
    def caught_up(seconds: float) -> None:
        consumed = referenced(streams) if streams else ()
        operate(
            lambda runtime: import_module("webox_kit.restoring").wait_until_caught_up(
                runtime.database, runtime.redis, runtime.name, consumed, seconds=seconds
            )
        )

    return caught_up


async def _make_ready(runtime: Any, own: str | None) -> None:
    restoring = import_module("webox_kit.restoring")
    await restoring.make_ready(runtime.database, runtime.package, referenced(own) if own else None)
