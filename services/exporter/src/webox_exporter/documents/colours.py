"""Providers' colours, the same in every format: RGB codes such as `#0B7A5C`."""

from zlib import crc32

USER = "#475467"
_PROVIDERS = {
    "gpt": "#0B7A5C",
    "claude": "#B1502F",
    "mistral": "#C2410C",
    "gemini": "#1A66D0",
    "deepseek": "#4353D9",
    "groq": "#BE2F2F",
    "openrouter": "#6D3FC4",
    "ollama": "#344054",
    "demo": "#8A6116",
}
_OTHERS = ("#0E7490", "#9D174D", "#4D7C0F", "#7C3AED", "#A16207", "#0F766E", "#B4235A")
ALL = (USER, *_PROVIDERS.values(), *_OTHERS)


def accent_of(provider: str) -> str:
    """A provider's own colour, dark enough for white text; always the same for one name."""
    name = provider.casefold()
    for beginning, code in _PROVIDERS.items():
        if name.startswith(beginning):
            return code
    return _OTHERS[crc32(name.encode(errors="replace")) % len(_OTHERS)]
