"""F27: a machine whose clock is wrong."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from webox_probe.main import create_app
from webox_probe.settings import ProbeSettings

from webox_contracts.identity import CLOCK, Identity, Scope
from webox_kit import clock
from webox_kit.errors import NotAuthenticatedError
from webox_kit.identity import AssertionSigner, AssertionVerifier, ServiceSigner
from webox_kit.peer_clocks import MOST_APART_SECONDS, PeerClocks
from webox_kit.testing import SERVICE_SECRET, ClockOff, Keys, serve

ME = Identity(user_id=7, role="user", scopes=frozenset({Scope.CHAT}))
CALLER = """
import asyncio, sys
from webox_kit.errors import UnavailableError
from webox_kit.identity import ServiceSigner
from webox_kit.internal_http import InternalClient

async def main(url, secret):
    client = InternalClient("probe", url, ServiceSigner("exporter", secret.encode()))
    try:
        print((await client.get("/internal/caller", page=1, name="x"))["service"])
    except UnavailableError as error:
        print(error)
    await client.close()

asyncio.run(main(*sys.argv[1:]))
"""


class TestTheOffset:
    def test_is_this_process_groups_own(self, clock_off: ClockOff, tmp_path: Path) -> None:
        (tmp_path / "1").write_text("600")
        assert abs(clock.timestamp() - time.time()) < 10
        with clock_off(-600):
            assert abs(clock.timestamp() + 600 - time.time()) < 10
            assert abs(clock.now().timestamp() + 600 - time.time()) < 10
        assert abs(clock.timestamp() - time.time()) < 10

    def test_is_for_tests_only(self, clock_off: ClockOff, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WEBOX_TESTING")
        with clock_off(600):
            assert abs(clock.timestamp() - time.time()) < 10


class TestAssertions:
    @pytest.mark.parametrize("seconds", [-110, -50, 0, 50])
    def test_within_the_leeway(self, keys: Keys, clock_off: ClockOff, seconds: float) -> None:
        """They live for a minute and a leeway of another; nobody signs more than a minute ahead."""
        with clock_off(seconds):
            of_user = AssertionSigner(keys.private_key_file).sign(ME, "chat")
            [of_service] = ServiceSigner("exporter", SERVICE_SECRET).headers("chat").values()
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        assert verifier.user(of_user) == ME
        assert verifier.service(of_service) == "exporter"

    @pytest.mark.parametrize("seconds", [-600, -130, 70, 600])
    def test_beyond_it(self, keys: Keys, clock_off: ClockOff, seconds: float) -> None:
        """The refusal says what time it is where it was refused."""
        with clock_off(seconds):
            of_user = AssertionSigner(keys.private_key_file).sign(ME, "chat")
            [of_service] = ServiceSigner("exporter", SERVICE_SECRET).headers("chat").values()
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        for verify, assertion in ((verifier.user, of_user), (verifier.service, of_service)):
            with pytest.raises(
                NotAuthenticatedError, match="not valid at this service's time"
            ) as e:
                verify(assertion)
            assert abs(e.value.members[CLOCK] - time.time()) < 10

    @pytest.mark.parametrize("seconds", [-600, 600])
    def test_where_the_clock_is_wrong_that_verifies(
        self, keys: Keys, clock_off: ClockOff, seconds: float
    ) -> None:
        assertion = AssertionSigner(keys.private_key_file).sign(ME, "chat")
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        with clock_off(seconds), pytest.raises(NotAuthenticatedError) as refusal:
            verifier.user(assertion)
        assert abs(refusal.value.members[CLOCK] - seconds - time.time()) < 10

    def test_what_is_wrong_otherwise_tells_no_time(self, keys: Keys) -> None:
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        elsewhere = AssertionSigner(keys.private_key_file).sign(ME, "search")
        for assertion in (elsewhere, "garbage"):
            with pytest.raises(NotAuthenticatedError) as refusal:
                verifier.user(assertion)
            assert refusal.value.members == {}

    def test_are_signed_by_the_clock_of_the_service_that_told_it(
        self, keys: Keys, clock_off: ClockOff
    ) -> None:
        verifier = AssertionVerifier("chat", keys.public_key_file, SERVICE_SECRET)
        signer = AssertionSigner(keys.private_key_file)
        with clock_off(600):
            assert signer.clocks.learn("chat", orjson.dumps({CLOCK: time.time()}))
            assertion = signer.sign(ME, "chat")
        assert verifier.user(assertion) == ME
        # Once the clock is right again, it is told again.
        assert signer.clocks.now("chat") < time.time() - 500
        assert signer.clocks.learn("chat", orjson.dumps({CLOCK: time.time()}))
        assert verifier.user(signer.sign(ME, "chat")) == ME


class TestPeerClocks:
    @pytest.mark.parametrize("apart", [-MOST_APART_SECONDS - 5, MOST_APART_SECONDS + 5])
    def test_not_without_bound(self, apart: float) -> None:
        clocks = PeerClocks()
        assert not clocks.learn("chat", orjson.dumps({CLOCK: time.time() + apart}))
        assert abs(clocks.now("chat") - time.time()) < 10

    @pytest.mark.parametrize(
        "refusal", [b"", b"<html>", b"[]", b"{}", b'{"clock": "12"}', b'{"clock": null}', b"\xff"]
    )
    def test_nothing_from_what_tells_none(self, refusal: bytes) -> None:
        assert not PeerClocks().learn("chat", refusal)

    def test_one_service_says_nothing_of_another(self) -> None:
        clocks = PeerClocks()
        assert clocks.learn("chat", orjson.dumps({CLOCK: time.time() + 600}))
        assert abs(clocks.now("search") - time.time()) < 10


@pytest.fixture
async def probe(make_settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(create_app(make_settings(ProbeSettings))) as client:
        yield client


class TestACallingService:
    @pytest.mark.parametrize(
        ("seconds", "answered"), [(600, "exporter"), (3600, "The probe service answered 401")]
    )
    async def test_whose_clock_is_wrong(
        self, probe: httpx.AsyncClient, tmp_path: Path, seconds: float, answered: str
    ) -> None:
        """A process of its own, in whose group it is alone."""
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", f'echo {seconds} > "$0/$$"; exec "$@"', str(tmp_path),
            sys.executable, "-c", CALLER, str(probe.base_url), SERVICE_SECRET.decode(),
            env={**os.environ, "WEBOX_TESTING": "1", "WEBOX_CLOCK_OFFSETS": str(tmp_path)},
            start_new_session=True,
            stdout=subprocess.PIPE,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert answered in said.decode()
