"""Which language a reader gets, and the words in it.

The catalogs are gettext's, `locale/<language>/LC_MESSAGES/webox_dashboard.po`, with the English
words as keys. They are compiled in memory when first used.
"""

import re
from functools import cache
from gettext import GNUTranslations
from importlib import resources
from io import BytesIO
from typing import Literal

from babel import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

Language = Literal["fr", "en"]

LANGUAGES: dict[str, Language] = {"fr": "fr", "en": "en"}
DEFAULT_LANGUAGE: Language = "fr"

_QUALITY = re.compile(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


def negotiate(accept_language: str | None) -> Language:
    """The language for an `Accept-Language` header (RFC 9110, 12.5.4); French if none fits."""
    wanted = [_wanted(part) for part in (accept_language or "").split(",")]
    wanted.sort(key=lambda each: each[0], reverse=True)
    tags = [DEFAULT_LANGUAGE if tag == "*" else tag for quality, tag in wanted if quality > 0]
    found = negotiate_locale(tags, LANGUAGES, sep="-", aliases={})
    return LANGUAGES[found] if found else DEFAULT_LANGUAGE


def _wanted(part: str) -> tuple[float, str]:
    """Quality and language tag of a part like `en-GB;q=0.8`; quality 0 for what is malformed."""
    tag, semicolon, parameter = part.strip().lower().partition(";")
    quality = _QUALITY.fullmatch(parameter)
    if semicolon and quality is None:
        return 0.0, ""
    return float(quality[1]) if quality else 1.0, tag.strip()


@cache
def translations(language: Language) -> GNUTranslations:
    catalog = resources.files("webox_dashboard") / "locale" / language / "LC_MESSAGES"
    source = (catalog / "webox_dashboard.po").read_bytes()
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)
