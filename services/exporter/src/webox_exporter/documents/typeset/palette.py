"""Colours, parsed once: reportlab would compile a colour string at every use."""

from functools import lru_cache

from reportlab.lib.colors import Color, HexColor

from webox_exporter.documents import colours

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
USER = HexColor(colours.USER)
WHITE = HexColor("#FFFFFF")


@lru_cache(maxsize=1000)
def provider_colour(provider: str) -> Color:
    """A provider's own colour, dark enough for white text; always the same for one name."""
    return HexColor(colours.accent_of(provider))
