"""How a request wants to be answered: what its headers and its user's settings say."""

import re
from typing import Annotated

from fastapi import Depends, Request

from webox_exporter.documents.words import Language
from webox_exporter.settings import ExporterSettings
from webox_kit.preferences import CurrentPreferences

_WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,9})\"?")
_QUALITY = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")


def language_of(header: str) -> Language:
    """The first of our languages by the quality values of Accept-Language; French if none."""
    best: tuple[float, Language] = (0.0, "fr")
    for part in header.lower().split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = _QUALITY.search(parameters)
        weight = float(quality.group(1)) if quality else 1.0
        name = tag.split("-", 1)[0]
        if name == "fr" and weight > best[0]:
            best = (weight, "fr")
        elif name == "en" and weight > best[0]:
            best = (weight, "en")
    return best[1]


def wait_seconds(header: str, default: float, most: float) -> float:
    """How long to wait: `Prefer: wait=N`, or not at all with `respond-async` (RFC 7240)."""
    preferences = [part.strip().lower() for part in re.split("[,;]", header)]
    waits = [found for part in preferences if (found := _WAIT.fullmatch(part))]
    if waits:
        return min(float(waits[0].group(1)), most)
    return 0.0 if "respond-async" in preferences else default


async def _language(request: Request, chosen: CurrentPreferences) -> Language:
    return chosen.language or language_of(request.headers.get("accept-language", ""))


async def _wait(request: Request) -> float:
    settings: ExporterSettings = request.app.state.settings
    header = ",".join(request.headers.getlist("prefer"))
    return wait_seconds(header, settings.export_wait_seconds, settings.export_longest_wait_seconds)


UserLanguage = Annotated[Language, Depends(_language)]
WaitSeconds = Annotated[float, Depends(_wait)]
