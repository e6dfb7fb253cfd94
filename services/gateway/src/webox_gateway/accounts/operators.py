"""What an operator does from the command line, without the HTTP door."""

from pydantic import ValidationError

from webox_gateway.accounts.passwords import Passwords
from webox_gateway.accounts.repository import AccountRepository
from webox_gateway.accounts.schemas import Registration
from webox_gateway.accounts.service import add_account
from webox_kit.database import Database, Session
from webox_kit.errors import BadRequestError


async def create_admin(
    database: Database, email: str, name: str, password: str, *, if_none: bool
) -> bool:
    """Make an administrator; False when `if_none` and there is one already.

    Raises:
        BadRequestError: the e-mail or the name is none.
        ConflictError: the e-mail has an account.
    """
    async with database.transaction() as session:
        if if_none and await AccountRepository(session).has_admin():
            return False
    passwords = Passwords()
    try:
        await add_account(database, passwords, _registration(email, name, password), role="admin")
    finally:
        passwords.close()
    return True


async def end_sessions(session: Session) -> None:
    """End everybody's: what a restored database holds may have been ended since the backup."""
    await AccountRepository(session).remove_all_sessions()


def _registration(email: str, name: str, password: str) -> Registration:
    try:
        return Registration(email=email, name=name, password=password)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequestError(f"{first['loc'][0]}: {first['msg']}") from None
