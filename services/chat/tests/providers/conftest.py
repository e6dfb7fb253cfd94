from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from webox_chat import providers
from webox_chat.providers import (
    ChatTurn,
    Finished,
    Provider,
    ProviderError,
    ProviderRequest,
    ReasoningDelta,
    Registry,
    StreamItem,
    TextDelta,
)
from webox_double import Double, running_double

KEY = "sk-canary-0123456789abcdef"

# The limits of the real thing, a hundred times shorter.
LIMITS = """
extra_models = true
allow_private = true
api_key_env = "TEST_KEY"
default_model = "ok"
timeouts = { connect = 2, first_token = 1, idle = 1, total = 3 }
retry = { tries = 3, first_wait = 0.01, longest_wait = 60 }
"""


@dataclass
class Asked:
    """What came of asking: the text in the pieces it came in, and how it ended."""

    pieces: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    whom: list[providers.Asked] = field(default_factory=list)
    finished: Finished | None = None
    error: ProviderError | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def reasoning(self) -> str:
        return "".join(self.thoughts)


async def asked_of(
    provider: Provider, session: aiohttp.ClientSession, request: ProviderRequest
) -> Asked:
    return await answer_of(provider.ask(session, request))


async def answer_of(items: AsyncGenerator[StreamItem]) -> Asked:
    asked = Asked()
    try:
        async with aclosing(items):
            async for item in items:
                match item:
                    case providers.Asked():
                        asked.whom.append(item)
                    case ReasoningDelta(thought):
                        asked.thoughts.append(thought)
                    case TextDelta(text):
                        asked.pieces.append(text)
                    case Finished():
                        asked.finished = item
    except ProviderError as error:
        asked.error = error
    return asked


class Asker:
    """Asks the double through a registry that calls it `openai` and `anthropic`."""

    def __init__(self, registry: Registry, session: aiohttp.ClientSession, double: Double) -> None:
        self.registry = registry
        self.session = session
        self.double = double

    async def __call__(self, provider: str, model: str, question: str = "Ça va ? 😀") -> Asked:
        found = self.registry.find(provider)
        assert found is not None
        request = ProviderRequest(model, (ChatTurn("user", question),))
        return await asked_of(found, self.session, request)


@dataclass
class Scripted:
    """A provider that answers every request with the same bytes, and keeps what it was sent."""

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def scripted_provider(
    answer: bytes,
    *,
    status: int = 200,
    content_type: str = "text/event-stream",
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Scripted]:
    scripted = Scripted("")

    async def respond(request: web.Request) -> web.Response:
        scripted.bodies.append(await request.json() if request.can_read_body else {})
        scripted.headers.append(dict(request.headers))
        return web.Response(body=answer, status=status, content_type=content_type, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    scripted.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield scripted
    finally:
        await runner.cleanup()


@pytest.fixture(scope="session")
async def shared_double() -> AsyncIterator[Double]:
    async with running_double() as running:
        yield running


@pytest.fixture
def double(shared_double: Double) -> Double:
    shared_double.clear()
    return shared_double


@pytest.fixture
def registry_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a registry file and says where it is."""

    def write(content: str) -> Path:
        file = tmp_path / "providers.toml"
        file.write_text(content)
        return file

    return write


@pytest.fixture
def registry(double: Double, registry_file: Callable[[str], Path]) -> Registry:
    file = registry_file(
        "extends_default = false\n"
        + "".join(
            f'[providers."{name}"]\nprotocol = "{name}"\nbase_url = "{double.url}/v1"\n{LIMITS}\n'
            for name in ("openai", "anthropic")
        )
    )
    return Registry.load(file, {"TEST_KEY": KEY})


@pytest.fixture
async def session(registry: Registry) -> AsyncIterator[aiohttp.ClientSession]:
    async with registry.session() as opened:
        yield opened


@pytest.fixture
def ask(registry: Registry, session: aiohttp.ClientSession, double: Double) -> Asker:
    return Asker(registry, session, double)


@pytest.fixture
def scripted() -> Callable[..., AbstractAsyncContextManager[Scripted]]:
    return scripted_provider


@pytest.fixture
def ask_provider() -> Callable[..., Any]:
    """Asks any provider object; the answer is an `Asked`."""
    return asked_of


@pytest.fixture
def ask_all() -> Callable[..., Any]:
    """What comes of the items of `Providers.ask`: an `Asked`."""
    return answer_of


@pytest.fixture
def limits() -> str:
    """The lines of a provider's entry that the double's tests share."""
    return LIMITS
