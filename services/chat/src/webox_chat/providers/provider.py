"""A provider as the registry knows it at this moment, and how to ask it."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

import aiohttp

from webox_chat.providers.anthropic import AnthropicProtocol
from webox_chat.providers.base import Endpoint, ProviderRequest, StreamItem
from webox_chat.providers.context import turns_within
from webox_chat.providers.openai import OpenAIProtocol
from webox_chat.providers.protocol import WireProtocol
from webox_chat.providers.retry import DEFAULT_POLICY, RetryPolicy, with_retries
from webox_kit.circuits import DEFAULT_POLICY as DEFAULT_CIRCUIT
from webox_kit.circuits import CircuitPolicy

ProtocolName = Literal["openai", "anthropic"]
PROTOCOLS: Mapping[ProtocolName, type[WireProtocol]] = {
    "openai": OpenAIProtocol,
    "anthropic": AnthropicProtocol,
}
LONGEST_MODEL_NAME = 200
TOKENS_OF_A_PRICE = 1_000_000
USUAL_CONCURRENCY = 64


@dataclass(frozen=True, slots=True)
class Model:
    """What the registry says of a model; prices in US dollars for a million tokens."""

    name: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    takes_temperature: bool = True
    takes_stop: bool = True
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A snapshot: `available` and `models` may differ the next time the registry is asked.

    `concurrency` is how many calls all workers may have under way at once. `fallback` is the name
    of the provider that answers in this one's place when it cannot.
    """

    name: str
    protocol: ProtocolName
    endpoint: Endpoint
    catalog: tuple[Model, ...]
    default_model: str
    extra_models: bool = False
    available: bool = True
    reason: str | None = None
    demo: bool = False
    allow_private: bool = False
    retry: RetryPolicy = DEFAULT_POLICY
    concurrency: int = USUAL_CONCURRENCY
    circuit: CircuitPolicy = DEFAULT_CIRCUIT
    fallback: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(model.name for model in self.catalog)

    def accepts(self, model: str) -> bool:
        return self.canonical_model(model) is not None

    def canonical_model(self, model: str) -> str | None:
        """The model that is asked for this name: itself, or the one that the name is an alias of.

        None when the provider has no such model.
        """
        known = self._known(model)
        if known is not None:
            return known.name
        possible = self.extra_models and 0 < len(model) <= LONGEST_MODEL_NAME
        return model if possible and model.isprintable() else None

    def context_window(self, model: str) -> int | None:
        """In tokens; None when the registry does not say."""
        known = self._known(model)
        return known.context_window if known else None

    def cost(
        self, model: str, input_tokens: int | None, output_tokens: int | None
    ) -> Decimal | None:
        """In US dollars, exact; None when a price or a count is unknown, or in the demo."""
        known = self._known(model)
        if known is None or known.input_price is None or known.output_price is None:
            return None
        if input_tokens is None or output_tokens is None:
            return None
        millionths = known.input_price * input_tokens + known.output_price * output_tokens
        return millionths / TOKENS_OF_A_PRICE

    def ask(
        self, session: aiohttp.ClientSession, request: ProviderRequest
    ) -> AsyncGenerator[StreamItem]:
        """TextDeltas and ReasoningDeltas, then one Finished, of the request as `fitted` makes it.

        Close it, so that leaving early ends the call. This asks whatever the provider's circuit
        says and however many calls are under way; `Providers.ask` does not.

        Raises:
            ProviderError: after the tries its policy allows; a text that was yielded before
                is never taken back.
            TypeError: `session` is not one of `Registry.session()`.
        """
        return self.ask_as_is(session, self.fitted(request))

    def ask_as_is(
        self, session: aiohttp.ClientSession, request: ProviderRequest
    ) -> AsyncGenerator[StreamItem]:
        """As `ask`, of a request that is fitted already."""
        wire = PROTOCOLS[self.protocol](self.endpoint)
        return with_retries(
            lambda ends_at: wire.stream(session, request, ends_at),
            self.retry,
            self.endpoint.limits,
        )

    def fitted(self, request: ProviderRequest) -> ProviderRequest:
        """The request with what the model takes: providers refuse the whole for one excess.

        Turns that are missing were too old for the model's window.
        """
        model = self._known(request.model)
        if model is None:
            return request
        limit = model.max_output_tokens
        wanted = request.max_tokens
        if wanted is None and self.protocol == "anthropic":
            wanted = limit
        fitted = replace(
            request,
            model=model.name,
            temperature=request.temperature if model.takes_temperature else None,
            max_tokens=min(wanted, limit) if wanted and limit else wanted,
            stop=request.stop if model.takes_stop else (),
        )
        window = model.context_window
        return replace(fitted, turns=turns_within(fitted, window)) if window else fitted

    def _known(self, name: str) -> Model | None:
        exact = (model for model in self.catalog if model.name == name)
        aliased = (model for model in self.catalog if name in model.aliases)
        return next(exact, None) or next(aliased, None)
