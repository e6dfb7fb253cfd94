"""The provider registry as this process's settings ask for it."""

from webox_chat.providers import Registry
from webox_chat.settings import ChatSettings


def load_registry(settings: ChatSettings) -> Registry:
    return Registry.load(
        settings.providers_file, demo_url=settings.demo_url or None, demo=settings.demo
    )
