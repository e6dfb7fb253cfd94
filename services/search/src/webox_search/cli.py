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
    verify="webox_search.verifying:verification",
)

main = service_cli(COMMANDS)


@main.command(help="Build the index anew from chat, beside the old one, then swap.")
@click.option("--wait/--no-wait", default=True, help="End only when it is done (the default).")
def rebuild(wait: bool) -> None:
    """The `events` process does it, since it holds the writer."""
    operate(COMMANDS, lambda runtime: _request(runtime, wait))
    click.echo("The index is rebuilt." if wait else "Asked for; /ops/search shows when it is done.")


async def _request(runtime: Any, wait: bool) -> None:
    await import_module("webox_search.rebuilding").request(runtime, wait=wait)
