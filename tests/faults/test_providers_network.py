"""The network between Webox and its providers breaks, whatever the providers themselves do."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from webox_stack import (
    Checker,
    DoubleProgram,
    Stack,
    User,
    registered,
    running_stack,
    write_registry,
)
from webox_stack.proxy import Proxy

from webox_double import answer_text

QUESTION = "Où est le café ? 日本語 😀"
# One with patience, and one that is soon given up.
PATIENT, HASTY = "GPT-4", "DeepSeek"
# Within the answer's headers.
A_FEW_BYTES = 40
MOST_TRIES = 3


@pytest.fixture(scope="module")
async def network(double: DoubleProgram) -> AsyncIterator[Proxy]:
    address = urlsplit(double.url)
    assert address.hostname is not None
    assert address.port is not None
    async with Proxy((address.hostname, address.port)) as network:
        yield network


@pytest.fixture(scope="module")
def distant_webox(tmp_path_factory: pytest.TempPathFactory, network: Proxy) -> Iterator[Stack]:
    """A Webox of its own, whose providers are behind the network."""
    assert isinstance(network.at, tuple)
    folder: Path = tmp_path_factory.mktemp("distant")
    registry = write_registry(folder, "http://{}:{}".format(*network.at))
    with running_stack(folder, {"WEBOX_TESTING": "1"} | registry) as stack:
        yield stack


@pytest.fixture
async def user(distant_webox: Stack) -> AsyncIterator[User]:
    async with registered(distant_webox.url) as user:
        yield user


@pytest.fixture
def healthy(distant_webox: Stack, user: User, network: Proxy) -> Callable[[], Awaitable[None]]:
    """Over a network that works again the next answer comes, and all that was promised holds."""
    checker = Checker(distant_webox)

    async def wait() -> None:
        await network.pass_on()
        for provider in (PATIENT, HASTY):
            answer = await user.send("Encore", selected_providers=[provider])
            assert list(answer["ai_responses"]) == [provider]
        await checker.check([user])

    return wait


@pytest.mark.fault("F20")
async def test_an_answer_in_tiny_chunks_is_whole_byte_for_byte(
    user: User, network: Proxy, healthy: Callable[[], Awaitable[None]]
) -> None:
    network.slice(3)
    answer = await user.send(QUESTION, selected_providers=[PATIENT])
    assert answer["ai_responses"] == {PATIENT: answer_text("gpt-4-turbo", QUESTION)}
    await healthy()


@pytest.mark.fault("F22")
async def test_a_connection_that_is_cut_before_any_text_is_tried_again_and_has_failed(
    user: User, double: DoubleProgram, network: Proxy, healthy: Callable[[], Awaitable[None]]
) -> None:
    network.cut_after(A_FEW_BYTES)
    model = "ok+cut-by-the-network"
    answer = await user.send(
        QUESTION, expect=502, selected_providers=[PATIENT], selected_models={PATIENT: model}
    )
    assert answer["errors"][PATIENT]["code"] in {"cut", "unavailable"}
    assert len(double.calls(model)) == MOST_TRIES
    await healthy()


@pytest.mark.fault("F18")
async def test_a_network_that_swallows_everything_has_failed_in_time(
    user: User, network: Proxy, healthy: Callable[[], Awaitable[None]]
) -> None:
    network.blackhole()
    answer = await user.send(QUESTION, expect=502, selected_providers=[HASTY])
    assert answer["errors"][HASTY]["code"] == "timeout"
    await healthy()
