"""`webox-dashboard`: runs the service's processes."""

from webox_kit.cli import ServiceCommands, service_cli

COMMANDS = ServiceCommands(
    name="dashboard",
    settings="webox_dashboard.settings:DashboardSettings",
    app="webox_dashboard.main:create_app",
    duties="webox_dashboard.consumers:duties",
    verify="webox_dashboard.verifying:verification",
)

main = service_cli(COMMANDS)
