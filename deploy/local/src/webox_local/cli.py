"""The `webox` command."""

import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from webox_local.checks import Finding, examine
from webox_local.errors import CommandError
from webox_local.home import Home, find_home
from webox_local.programs import CONSUMING, SERVICES, VERIFIED

NOT_ALL_UP = 3
F = TypeVar("F", bound=Callable[..., Any])


class OneSentence(click.Group):
    """Ends with one sentence, never a traceback, when this machine does not allow something."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # `webox logs | head`; click knows what to do
                raise
            raise click.ClickException(f"{error.filename or 'Webox'}: {error.strerror}.") from error


@click.group(cls=OneSentence, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Webox on this machine, from one folder, without Docker."""


def with_home(command: F) -> F:
    return click.option(
        "--home",
        envvar="WEBOX_HOME",
        metavar="FOLDER",
        help="Where everything is kept [default: .webox of this project].",
    )(command)


def with_port(command: F) -> F:
    return click.option(
        "--port",
        metavar="PORT",
        help="Where to listen; 0 is any free port [default: WEBOX_PORT, else 8000].",
    )(command)


def _home(named: str | None) -> Home:
    return find_home(named, Path.cwd())


@main.command()
@with_home
@with_port
def up(home: str | None, port: str | None) -> None:
    """Start everything, and stay until Ctrl-C."""
    from webox_local import up as start  # noqa: PLC0415 - the other commands do without it
    from webox_local.settings import Settings  # noqa: PLC0415 - likewise

    start.up(_home(home), Settings.read(os.environ, port=port))


@main.command()
@with_home
def down(home: str | None) -> None:
    """Stop everything, from another terminal."""
    from webox_local import running  # noqa: PLC0415 - the other commands do without it

    stopped = running.down(_home(home))
    click.echo("Webox has stopped." if stopped else "Webox is not running.")


@main.command()
@with_home
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def status(home: str | None, *, as_json: bool) -> None:
    """Show what runs; the exit code is 0 when everything does, else 3."""
    from webox_local.status import status as current  # noqa: PLC0415 - others do without it

    now = current(_home(home))
    if as_json:
        click.echo(json.dumps(now.as_json()))
    else:
        click.echo(now.as_table() if now.programs else "Webox is not running.")
    sys.exit(0 if now.all_up else NOT_ALL_UP)


@main.command()
@with_home
@click.argument("service", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come, until Ctrl-C.")
@click.option("-n", "--lines", default=20, show_default=True, help="How many of each log.")
def logs(home: str | None, service: str | None, *, follow: bool, lines: int) -> None:
    """Show the logs of a SERVICE (chat), of one program (chat-worker), or of all."""
    from webox_local import logs as reading  # noqa: PLC0415 - the other commands do without it

    files = reading.log_files(_home(home).logs, service)
    width = max(len(file.stem) for file in files)
    for file in files:
        for line in reading.last_lines(file, lines):
            click.echo(f"{file.stem:<{width}} | {line}")
    if follow:
        try:
            for name, line in reading.follow(files):
                click.echo(f"{name:<{width}} | {line}")
        except KeyboardInterrupt:
            sys.exit(0)


@main.command()
@with_home
@with_port
def doctor(home: str | None, port: str | None) -> None:
    """Check everything a start needs, and say what is missing."""
    findings = examine(_home(home), os.environ, port=port)
    for finding in findings:
        click.echo(_line(finding))
    sys.exit(1 if any(finding.problem for finding in findings) else 0)


def _line(finding: Finding) -> str:
    verdict = click.style("no", fg="red") if finding.problem else click.style("ok", fg="green")
    return f"{verdict}  {finding.what:<11} {finding.problem or finding.detail}"


def _operator_command(name: str, service: str | None, help_text: str) -> None:
    """Adds a command that hands its arguments to `webox-SERVICE`.

    Args:
        name: What the user types after `webox`.
        service: Whose command it is; None when the first argument says it.
        help_text: What `webox --help` says.
    """

    @main.command(
        name=name,
        help=help_text,
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
    )
    @with_home
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def dispatch(home: str | None, arguments: tuple[str, ...]) -> None:
        from webox_local.running import become_operator_command  # noqa: PLC0415 - as above

        target, *rest = (service, *arguments) if service else (*arguments, "")
        if target not in SERVICES:
            raise click.UsageError(f"webox {name} needs one of: {', '.join(SERVICES)}.")
        verb = [] if name == service else [name]
        command = [*verb, *(part for part in rest if part)]
        become_operator_command(_home(home), target, command, os.environ)


@main.command(name="dead-letters", context_settings={"ignore_unknown_options": True})
@with_home
@click.option(
    "--service", type=click.Choice(CONSUMING), help="Whose; without it those of all services."
)
@click.argument("verb", type=click.Choice(["list", "show", "retry", "drop"]))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def dead_letters(
    home: str | None, service: str | None, verb: str, arguments: tuple[str, ...]
) -> None:
    """Events that failed for good: list, show, retry or drop them.

    `webox chat dead-letters VERB --help` says what each takes.
    """
    from webox_local.running import run_operator_commands  # noqa: PLC0415 - as above

    if service is None and any(each.isdigit() for each in arguments):
        raise click.UsageError("An id belongs to one service: say whose with --service.")
    services = [service] if service else CONSUMING
    command = ["dead-letters", verb, *arguments]
    sys.exit(run_operator_commands(_home(home), services, command, os.environ))


@main.command(context_settings={"ignore_unknown_options": True})
@with_home
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(home: str | None, arguments: tuple[str, ...]) -> None:
    """Compare read models with their sources: search, dashboard, exports; or all of them.

    Lists the differences. The exit code is 0 if there are none, and 1 if there are.
    `webox search verify --help` says what else it takes.
    """
    from webox_local.running import run_operator_commands  # noqa: PLC0415 - as above

    named, options = arguments[:1], arguments[1:]
    if not named or named[0].startswith("-"):
        named, options = tuple(VERIFIED), arguments
    if unknown := [each for each in named if each not in VERIFIED]:
        raise click.UsageError(f"{unknown[0]} is none of: {', '.join(VERIFIED)}.")
    services = [VERIFIED[each] for each in named]
    sys.exit(run_operator_commands(_home(home), services, ["verify", *options], os.environ))


@main.command()
@with_home
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there already.")
def backup(home: str | None, file: Path, *, force: bool) -> None:
    """Write all that Webox keeps to one FILE, while it runs.

    In it are the databases of all services, as of one moment, and the exported documents. Not in
    it are what is made again (Redis, the search index, the installation's own keys and
    passwords), logs, and what the environment says: providers' keys and their registry file.

    The file holds everybody's conversations: it is readable by you only; keep it so.
    """
    from webox_local.backup import back_up  # noqa: PLC0415 - the other commands do without it

    manifest = back_up(_home(home), file.absolute(), os.environ, replace=force)
    size = file.stat().st_size / 1e6
    click.echo(f"{file} ({size:,.1f} MB), {manifest.describe()}.")


@main.command()
@with_home
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(home: str | None, file: Path, *, yes: bool) -> None:
    """Replace all that a running Webox keeps by what FILE has; then verify it.

    What was made since the backup is lost, and what was deleted since is back. FILE is read
    wholly before anything is touched. Users notice some seconds without service, and sign in
    again: all sessions end. Passwords and personal access tokens are those of the backup, so
    revoke again what was revoked since.

    The exit code is 0 if everything is in place and `webox verify` finds no difference.
    """
    from webox_local.backup_file import Manifest  # noqa: PLC0415 - as above
    from webox_local.restore import restore as put_back  # noqa: PLC0415 - as above

    where = _home(home)

    def agreed(manifest: Manifest) -> bool:
        click.echo(f"{file}, {manifest.describe()}.")
        question = f"It replaces everything in {where.folder}. What came since is lost. Go on?"
        return yes or click.confirm(question)

    fine = put_back(where, file.absolute(), os.environ, agreed)
    click.echo("Restored: nothing differs." if fine else "Restored, but see above.")
    click.echo("All sessions have ended. Revoke again the access tokens revoked since the backup.")
    sys.exit(0 if fine else 1)


_operator_command("admin", "gateway", "Administrators: `webox admin create --email E`.")
_operator_command("rebuild", None, "Make a read model anew: `webox rebuild search`.")
for _service in SERVICES:
    _operator_command(_service, _service, f"The {_service} service's own commands.")
