"""`webox-gateway`: its processes, and what an operator does to accounts and keys."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from webox_gateway.settings import GatewaySettings
from webox_kit import logs
from webox_kit.cli import ServiceCommands, service_cli
from webox_kit.database import Database
from webox_kit.errors import ConfigurationError, WeboxError

T = TypeVar("T")

_HAS_ADMIN = 3
_PASSWORD_BYTES = 15

main = service_cli(
    ServiceCommands(
        name="gateway",
        settings="webox_gateway.settings:GatewaySettings",
        app="webox_gateway.main:create_app",
        duties="webox_gateway.consumers:duties",
        after_restore="webox_gateway.accounts.operators:end_sessions",
    )
)


@main.command(help="Serve HTTP, the only public door; migrates the database first.")
def api() -> None:
    from webox_gateway.server import serve  # noqa: PLC0415 - the other commands do without it

    settings = _settings()
    try:
        serve(settings)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


@main.group(help="Administrators.")
def admin() -> None: ...


@admin.command(help="Make an administrator with a random password, shown this once.")
@click.option("--email", required=True)
@click.option("--name", default="Admin", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.option("--if-none", is_flag=True, help="Do nothing, and exit with 3, if there is one.")
def create(email: str, name: str, as_json: bool, if_none: bool) -> None:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    if not _with_database(lambda database: _create_admin(database, email, name, password, if_none)):
        click.echo("There is an administrator already.", err=True)
        raise SystemExit(_HAS_ADMIN)
    if as_json:
        click.echo(json.dumps({"email": email, "password": password}))
    else:
        click.echo(f"E-mail:   {email}\nPassword: {password}\nIt is shown this once.")


@main.group(help="Users.")
def user() -> None: ...


@user.command(help="Delete a user and, in every service, all that is theirs.")
@click.argument("email")
def delete(email: str) -> None:
    from webox_gateway.accounts.service import remove_account  # noqa: PLC0415 - as above

    _with_database(lambda database: remove_account(database, email))
    click.echo(f"{email} is deleted.")


@main.command(help="Write the identity keys and the service secret into FOLDER, where missing.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def keys(folder: Path) -> None:
    from webox_gateway.keys import make_keys  # noqa: PLC0415 - as above

    for file in make_keys(folder):
        click.echo(f"made {file}")


async def _create_admin(
    database: Database, email: str, name: str, password: str, if_none: bool
) -> bool:
    """Whether one was made."""
    from webox_gateway.accounts.operators import create_admin  # noqa: PLC0415 - as above

    return await create_admin(database, email, name, password, if_none=if_none)


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the migrated database; an error is a sentence and exit code 1."""
    settings = _settings()

    async def run() -> T:
        from webox_kit.migrations import migrate  # noqa: PLC0415 - as above

        database = Database(settings.database_url, application="webox-gateway-cli")
        try:
            await migrate(database, "webox_gateway")
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except WeboxError as error:
        raise click.ClickException(error.detail) from None


def _settings() -> Any:
    try:
        settings = GatewaySettings.load()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    logs.configure_logging("gateway", settings.log_level)
    return settings
