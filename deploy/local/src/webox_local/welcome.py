"""What a user needs to know once Webox runs: where it is, how to sign in, what to try."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from webox_local import processes
from webox_local.errors import CannotStartError
from webox_local.home import Home
from webox_local.programs import service_program
from webox_local.telling import own_command

ADMIN = "admin@webox.local"
THERE_IS_ONE = 3


@dataclass(frozen=True)
class Account:
    email: str
    password: str


def first_admin(home: Home, environment: Mapping[str, str]) -> Account | None:
    """Makes the first administrator, whose password is kept nowhere but as the gateway's hash.

    Args:
        home: Remembers that it has been done.
        environment: The gateway's.

    Returns:
        The account; None when there is an administrator already.

    Raises:
        CannotStartError: The gateway's command failed.
    """
    if home.admin_made.exists():
        return None
    options = ["admin", "create", "--email", ADMIN, "--if-none", "--json"]
    result = processes.run([service_program("gateway"), *options], env=environment)
    if result.exit_code not in {0, THERE_IS_ONE}:
        reason = (result.output.strip().splitlines() or ["it gave no reason"])[-1]
        raise CannotStartError(f"The first administrator could not be made: {reason}")
    home.admin_made.touch()
    return _account(result.output) if result.exit_code == 0 else None


def _account(output: str) -> Account:
    """The account in the one line of `output` that has it; the others are the program's log."""
    for line in output.splitlines():
        try:
            made = json.loads(line)
            return Account(made["email"], made["password"])
        except (ValueError, KeyError, TypeError):
            continue
    raise CannotStartError("The gateway made an administrator but did not say the password.")


def welcome(url: str, account: Account | None) -> str:
    email, password = (account.email, account.password) if account else (ADMIN, "YOUR PASSWORD")
    credentials = json.dumps({"email": email, "password": password})
    return f"""
Webox answers at {url}

{_how_to_sign_in(account)}

Try it:
  TOKEN=$(curl -s {url}/api/auth/login -H 'Content-Type: application/json' \\
    -d '{credentials}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s {url}/api/chat/send -H "Authorization: Bearer $TOKEN" \\
    -H 'Content-Type: application/json' -d '{{"message": "Bonjour"}}'

Ctrl-C stops everything."""


def _how_to_sign_in(account: Account | None) -> str:
    another = f"`{own_command()} admin create --email YOU@EXAMPLE.COM` makes another administrator."
    if account is None:
        return f"Sign in as before; {another}"
    return f"""\
Sign in as    {account.email}
with password {account.password}
It is shown this once and kept only as a hash; {another}"""
