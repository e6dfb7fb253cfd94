"""The exporter's command line."""

import sys

import click

from webox_kit.cli import ServiceCommands, service_cli

main = service_cli(
    ServiceCommands(
        name="exporter",
        settings="webox_exporter.settings:ExporterSettings",
        app="webox_exporter.main:create_app",
        duties="webox_exporter.consumers:duties",
        worker="webox_exporter.worker:run",
        consumes="webox_exporter.consumers:STREAMS",
        verify="webox_exporter.verifying:verification",
    )
)


@main.command(help="Say which scripts a PDF can be printed in here; exit code 1 if one is lacking.")
def scripts() -> None:
    from webox_exporter.documents.typeset.coverage import printable  # noqa: PLC0415 - fonts are slow

    can, cannot = printable()
    click.echo(", ".join(can))
    if cannot:
        click.echo(f"No font here has all of: {', '.join(cannot)}.", err=True)
        sys.exit(1)
