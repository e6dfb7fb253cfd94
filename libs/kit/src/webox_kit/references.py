"""Parts of a service by name, imported only by the command that needs them."""

from importlib import import_module
from typing import Any


def referenced(reference: str) -> Any:
    """What `module:attribute` names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
