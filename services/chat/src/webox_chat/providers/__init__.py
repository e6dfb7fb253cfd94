"""Asking AI providers: the registry of who can be asked, and one module per wire protocol.

`Registry` says who there is; `Providers.ask` asks them.
"""

from webox_chat.providers.asking import Providers
from webox_chat.providers.base import (
    Asked,
    ChatTurn,
    ErrorCode,
    Finished,
    ProviderError,
    ProviderRequest,
    ReasoningDelta,
    StreamItem,
    TextDelta,
)
from webox_chat.providers.context import ASCII_OF_A_TOKEN, USUAL_ANSWER_TOKENS
from webox_chat.providers.entries import ProviderRegistryError
from webox_chat.providers.provider import Provider
from webox_chat.providers.registry import Registry

__all__ = [
    "ASCII_OF_A_TOKEN",
    "USUAL_ANSWER_TOKENS",
    "Asked",
    "ChatTurn",
    "ErrorCode",
    "Finished",
    "Provider",
    "ProviderError",
    "ProviderRegistryError",
    "ProviderRequest",
    "Providers",
    "ReasoningDelta",
    "Registry",
    "StreamItem",
    "TextDelta",
]
