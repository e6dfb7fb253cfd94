"""`webox-search`: runs the service's processes, and rebuilds its index."""

from importlib import import_module
from typing import Any

import click

from webox_kit.cli import ServiceCommands, operate, service_cli

COMMANDS = ServiceCommands(
    name="search",
    settings="webox_search.settings:SearchSettings",
    app="webox_search.main:create_app",
    duties="webox_search.consumers:duties",
    consumes="webox_search.consumers:STREAMS",
    verify="webox_search.verifying:verification",
    after_restore="webox_search.repository:request_rebuild",
)

main = service_cli(COMMANDS)


@main.command(help="Build the index anew from chat, beside the old one, then swap.")
@click.option("--wait/--no-wait", default=True, help="End only when it is done (the default).")
@click.option("--follow", is_flag=True, help="Ask for none: follow what is asked for already.")
def rebuild(wait: bool, follow: bool) -> None:
    """The `events` process does it, since it holds the writer."""
    operate(COMMANDS, _follow if follow else lambda runtime: _request(runtime, wait))
    done = wait or follow
    click.echo("The index is rebuilt." if done else "Asked for; /ops/search shows when it is done.")


async def _request(runtime: Any, wait: bool) -> None:
    await import_module("webox_search.rebuilding").request(runtime, wait=wait)


async def _follow(runtime: Any) -> None:
    await import_module("webox_search.rebuilding").follow(runtime)
