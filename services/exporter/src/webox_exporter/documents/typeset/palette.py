"""Colours, parsed once: reportlab would compile a colour string at every use."""

from zlib import crc32

from reportlab.lib.colors import Color, HexColor

INK = HexColor("#1F2430")
MUTED = HexColor("#667085")
FAINT = HexColor("#D0D5DD")
LINK = HexColor("#1A56DB")
CODE_INK = HexColor("#24292F")
CODE_PAPER = HexColor("#F6F8FA")
CODE_CHIP = HexColor("#EEF1F4")
MISSING_PAPER = HexColor("#F3F0E0")
TABLE_HEAD = HexColor("#F2F4F7")
QUOTE_BAR = HexColor("#98A2B3")
USER = HexColor("#475467")
WHITE = HexColor("#FFFFFF")

_PROVIDERS = {
    "gpt": HexColor("#0B7A5C"),
    "claude": HexColor("#B1502F"),
    "mistral": HexColor("#C2410C"),
    "gemini": HexColor("#1A66D0"),
    "deepseek": HexColor("#4353D9"),
    "groq": HexColor("#BE2F2F"),
    "openrouter": HexColor("#6D3FC4"),
    "ollama": HexColor("#344054"),
    "demo": HexColor("#8A6116"),
}
_OTHERS = tuple(
    HexColor(code)
    for code in ("#0E7490", "#9D174D", "#4D7C0F", "#7C3AED", "#A16207", "#0F766E", "#B4235A")
)


def provider_colour(provider: str) -> Color:
    """A provider's own colour, dark enough for white text; always the same for one name."""
    name = provider.casefold()
    for beginning, colour in _PROVIDERS.items():
        if name.startswith(beginning):
            return colour
    return _OTHERS[crc32(name.encode()) % len(_OTHERS)]
