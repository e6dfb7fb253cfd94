"""The whole real Webox, started once for all tests that go through its gateway."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from webox_stack import (
    DoubleProgram,
    Stack,
    User,
    registered,
    running_double_program,
    running_stack,
    signed_in,
    write_registry,
)
from webox_stack.stack import ADMIN

MakeUser = Callable[[], Awaitable[User]]

# What takes half a minute in production takes seconds here; and all tests come from one address.
SCALED_DOWN = {
    "WEBOX_TESTING": "1",
    "WEBOX_LEASE_SECONDS": "3",
    "WEBOX_LEASE_RENEW_SECONDS": "1",
    "WEBOX_RECONCILE_SECONDS": "0.5",
    "WEBOX_ENQUEUE_AGAIN_SECONDS": "2",
    "WEBOX_EXPORT_LEASE_SECONDS": "3",
    "WEBOX_EXPORT_RENEW_SECONDS": "0.2",
    "WEBOX_EXPORT_RECONCILE_SECONDS": "0.5",
    "WEBOX_EXPORT_ENQUEUE_AGAIN_SECONDS": "2",
    "WEBOX_LOGIN_TRIES": "1000",
}


@pytest.fixture(scope="session")
def double(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoubleProgram]:
    """The program behind every provider of `webox`."""
    with running_double_program(tmp_path_factory.mktemp("double")) as double:
        yield double


@pytest.fixture(scope="session")
def failpoint_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the name of a failpoint is written to arm it in `webox`."""
    return tmp_path_factory.mktemp("failpoint") / "armed"


@pytest.fixture(scope="session")
def webox_environment(
    tmp_path_factory: pytest.TempPathFactory, double: DoubleProgram, failpoint_file: Path
) -> dict[str, str]:
    """The settings of a Webox whose providers are the double, and whose patience is short."""
    folder = tmp_path_factory.mktemp("registry")
    armed = {"WEBOX_FAILPOINT_FILE": str(failpoint_file)}
    return SCALED_DOWN | armed | write_registry(folder, double.url)


@pytest.fixture(scope="session")
def webox(
    tmp_path_factory: pytest.TempPathFactory, webox_environment: dict[str, str]
) -> Iterator[Stack]:
    """All of Webox. It ends cleanly and leaves no process, or the session fails."""
    with running_stack(tmp_path_factory.mktemp("webox"), webox_environment) as stack:
        yield stack


@pytest.fixture(scope="session")
async def admin(webox: Stack) -> AsyncIterator[User]:
    """The administrator that the first start makes."""
    assert webox.admin_password is not None
    async with signed_in(webox.url, ADMIN, webox.admin_password) as user:
        yield user


@pytest.fixture
def users() -> list[User]:
    """Those that this test made."""
    return []


@pytest.fixture
async def make_user(webox: Stack, users: list[User]) -> AsyncIterator[MakeUser]:
    async with AsyncExitStack() as stack:

        async def make() -> User:
            users.append(await stack.enter_async_context(registered(webox.url)))
            return users[-1]

        yield make


@pytest.fixture
async def user(make_user: MakeUser) -> User:
    """A new user, of whom nothing is known yet."""
    return await make_user()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what Webox logged during a test that failed."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("webox")
    if isinstance(stack, Stack):
        if call.when == "setup":
            stack.logs.mark()
        if report.failed:
            report.sections.append(("Webox's logs", stack.logs.tail()))
    return report
