"""`webox-chat`: runs the service's processes."""

from webox_kit.cli import ServiceCommands, service_cli

COMMANDS = ServiceCommands(
    name="chat",
    settings="webox_chat.settings:ChatSettings",
    app="webox_chat.main:create_app",
    duties="webox_chat.consumers:duties",
    worker="webox_chat.worker:run",
)

main = service_cli(COMMANDS)
