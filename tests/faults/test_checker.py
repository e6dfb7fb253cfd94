"""The checker itself: what it would say of a Webox that broke its promises."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from webox_stack import Checker, Stack, User, eventually
from webox_stack.canary import check_logs, check_received
from webox_stack.databases import Databases
from webox_stack.documents import check_files, check_hashes
from webox_stack.numbers import check_dashboard
from webox_stack.resources import MAY_GROW, MOST_CONNECTIONS, Resources, left_open
from webox_stack.witness import CANARY

from webox_local.servers import Servers


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (
            "UPDATE reply SET content = content || '!' WHERE user_id = {user}",
            "UPDATE reply SET content = left(content, -1) WHERE user_id = {user}",
        ),
        (
            "UPDATE conversation SET message_count = 9 WHERE user_id = {user}",
            "UPDATE conversation SET message_count = 2 WHERE user_id = {user}",
        ),
        (
            "UPDATE message SET user_id = 0 WHERE user_id = {user}",
            "UPDATE message SET user_id = {user} WHERE user_id = 0",
        ),
        (
            "UPDATE usage_ledger SET user_id = 0 WHERE user_id = {user}",
            "UPDATE usage_ledger SET user_id = {user} WHERE user_id = 0",
        ),
    ],
)
async def test_it_notices_what_is_stored_wrongly(
    webox: Stack, user: User, broken: str, mended: str
) -> None:
    checker = Checker(webox)
    await user.send("Bonjour", selected_providers=["GPT-4"])
    await checker.check([user])
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        chat.execute(broken.format(user=user.id))
        try:
            with pytest.raises(AssertionError):
                await checker.check([user])
        finally:
            chat.execute(mended.format(user=user.id))
    await checker.check([user])


async def test_it_notices_half_a_message(webox: Stack, user: User, databases: Databases) -> None:
    checker = Checker(webox)
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    await checker.check([user])
    chat, message = databases["chat"], sent["message_id"]
    chat.execute("UPDATE reply SET message_id = 0 WHERE message_id = %s", [message])
    try:
        with pytest.raises(AssertionError, match="half a message"):
            await checker.check([user])
    finally:
        chat.execute("UPDATE reply SET message_id = %s WHERE message_id = 0", [message])
    await checker.check([user])


async def test_it_notices_what_users_were_told_and_is_not_so(webox: Stack, user: User) -> None:
    checker = Checker(webox)
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    user.witness.acknowledged[sent["message_id"] + 1000] = sent["conversation_id"]
    with pytest.raises(AssertionError, match="an acknowledged message is gone"):
        await checker.check([user])
    user.witness.acknowledged.clear()
    with pytest.raises(AssertionError, match="stored twice"):
        await checker.check([user])


@pytest.fixture
def databases(webox: Stack) -> Iterator[Databases]:
    with Databases(webox) as databases:
        yield databases


@pytest.fixture
async def exported(webox: Stack, user: User) -> Path:
    """The file of an export of this user's."""
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    order = {"format": "md", "conversation_ids": [sent["conversation_id"]]}
    job = await user.post("/api/exports", order, expect=202)

    async def file() -> Path:
        [found] = webox.home.exports.glob(f"{job['id']}/*")
        assert (await user.get(f"/api/exports/{job['id']}"))["status"] == "done"
        return found

    return await eventually(file)


class TestFiles:
    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (Path.unlink, "is gone"),
            (lambda file: file.write_bytes(file.read_bytes()[:-1]), "is cut off"),
            (lambda file: file.with_name("left#1").write_text("a part"), "no export that is done"),
        ],
    )
    def test_it_notices_what_is_not_there_or_should_not_be(
        self,
        webox: Stack,
        databases: Databases,
        exported: Path,
        spoil: Callable[[Path], object],
        said: str,
    ) -> None:
        content = exported.read_bytes()
        check_files(webox.home, databases)
        spoil(exported)
        with pytest.raises(AssertionError, match=said):
            check_files(webox.home, databases)
        exported.with_name("left#1").unlink(missing_ok=True)
        exported.write_bytes(content)
        check_files(webox.home, databases)

    def test_it_notices_another_file_of_the_same_length(
        self, webox: Stack, databases: Databases, exported: Path, user: User
    ) -> None:
        content = exported.read_bytes()
        check_hashes(webox.home, databases, user)
        exported.write_bytes(content[:-1] + b"\0")
        with pytest.raises(AssertionError, match="is not what was made"):
            check_hashes(webox.home, databases, user)
        exported.write_bytes(content)


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("storage SET size_bytes = size_bytes + 1", "storage SET size_bytes = size_bytes - 1"),
        ("conversation SET title = 'Another'", "conversation SET title = 'Bonjour'"),
        ("generation_count SET generations = 2", "generation_count SET generations = 1"),
    ],
)
async def test_it_notices_a_dashboard_that_shows_something_else(
    databases: Databases, user: User, broken: str, mended: str
) -> None:
    async def right() -> None:
        await check_dashboard(databases, user)

    await eventually(right)
    for change in (broken, mended):
        databases["dashboard"].execute(f"UPDATE {change} WHERE user_id = %s", [user.id])
        if change is broken:
            with pytest.raises(AssertionError):
                await check_dashboard(databases, user)
    await check_dashboard(databases, user)


class TestCanary:
    async def test_it_notices_it_in_an_answer(self, user: User) -> None:
        await user.send("Bonjour", selected_providers=["GPT-4"])
        check_received(user)
        await user.send(CANARY, selected_providers=["GPT-4"])
        with pytest.raises(AssertionError, match="another's text was answered"):
            check_received(user)

    async def test_it_notices_it_in_a_stream(self, user: User) -> None:
        body = {"message": CANARY, "selected_providers": ["GPT-4"]}
        async with user.watching("/api/chat/send", body) as stream:
            await stream.rest()
        assert set(user.witness.foreign) == {"a stream"}

    async def test_it_notices_what_is_logged(self, webox: Stack, user: User) -> None:
        await user.get("/api/auth/me")
        check_logs(webox, [user.token])
        log = webox.home.logs / "chat-api.log"
        for secret in (CANARY, user.token):
            before = log.stat().st_size
            with log.open("a") as file:
                file.write(f"by mistake {secret}\n")
            with pytest.raises(AssertionError, match="chat-api logged"):
                check_logs(webox, [user.token])
            with log.open("a") as file:
                file.truncate(before)


class TestWhatProgramsHold:
    async def test_it_notices_descriptors(self, webox: Stack, databases: Databases) -> None:
        before = Resources.of(webox, databases)
        address = urlsplit(webox.url)
        with ExitStack() as stack:
            for _ in range(MAY_GROW["descriptors"] + 5):
                peer = (address.hostname, address.port)
                stack.enter_context(socket.create_connection(peer))

            async def noticed() -> None:
                [said] = Resources.of(webox, databases).grown(before)
                assert "gateway-api" in said
                assert "descriptors" in said

            await eventually(noticed)

    @pytest.mark.parametrize("what", ["threads", "memory_mb"])
    async def test_it_notices_the_rest(self, webox: Stack, databases: Databases, what: str) -> None:
        before = Resources.of(webox, databases)
        held = before.held["gateway-api"]
        setattr(held, what, getattr(held, what) - MAY_GROW[what] - 10)
        [said] = Resources.of(webox, databases).grown(before)
        assert said.startswith("gateway-api: ")
        assert what in said

    async def test_it_notices_connections_and_what_they_forgot(
        self, webox: Stack, databases: Databases
    ) -> None:
        before = Resources.of(webox, databases)
        assert left_open(databases) == []
        url = Servers.of(webox.home.folder).postgres.url("webox_dashboard")
        with ExitStack() as stack:
            # It has two programs, of which each has some already.
            for _ in range(2 * MOST_CONNECTIONS):
                connection = psycopg.connect(
                    url.replace("+psycopg", ""), application_name="webox-dashboard"
                )
                stack.enter_context(connection).execute("SELECT 1")
            [said] = Resources.of(webox, databases).grown(before)
            assert said.startswith("webox-dashboard: ")

            async def noticed() -> None:
                assert left_open(databases)

            await eventually(noticed)
