"""The exporter's command line."""

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
