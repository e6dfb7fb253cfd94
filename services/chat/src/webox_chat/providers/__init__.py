"""Asking AI providers: the registry of who can be asked, and one module per wire protocol."""

from webox_chat.providers.base import (
    ChatTurn,
    ErrorCode,
    Finished,
    ProviderError,
    ProviderRequest,
    StreamItem,
    TextDelta,
)
from webox_chat.providers.entries import ProviderRegistryError
from webox_chat.providers.provider import Provider
from webox_chat.providers.registry import Registry

__all__ = [
    "ChatTurn",
    "ErrorCode",
    "Finished",
    "Provider",
    "ProviderError",
    "ProviderRegistryError",
    "ProviderRequest",
    "Registry",
    "StreamItem",
    "TextDelta",
]
