"""`webox-dashboard`: runs the service's processes, and makes its read models anew."""

from importlib import import_module
from typing import Any

import click

from webox_kit.cli import ServiceCommands, operate, service_cli

COMMANDS = ServiceCommands(
    name="dashboard",
    settings="webox_dashboard.settings:DashboardSettings",
    app="webox_dashboard.main:create_app",
    duties="webox_dashboard.consumers:duties",
    consumes="webox_dashboard.consumers:STREAMS",
    verify="webox_dashboard.verifying:verification",
    after_restore="webox_dashboard.projection.beside:drop",
)

main = service_cli(COMMANDS)


@main.command(
    help="Make the read models anew from chat, the gateway and the exporter, beside the ones in "
    "use, then swap. Nobody notices; activity and notifications stay as they are."
)
def rebuild() -> None:
    count = operate(COMMANDS, _rebuild)
    click.echo(f"The dashboard is rebuilt, from {count:,} things.")


async def _rebuild(runtime: Any) -> int:
    progress = import_module("webox_kit.progress").Progress("Dashboard", "things")
    rebuilding = import_module("webox_dashboard.rebuilding")
    count: int = await rebuilding.rebuild(runtime, progress)
    return count
