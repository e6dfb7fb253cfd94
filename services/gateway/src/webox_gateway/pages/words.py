"""What the pages say, in French and English."""

from typing import Literal

Language = Literal["fr", "en"]

_LOGIN = {
    "fr": {
        "title": "Connexion",
        "email": "Adresse e-mail",
        "password": "Mot de passe",
        "submit": "Se connecter",
        "away": "Webox ne répond pas. Réessayez dans un instant.",
        "script": "Cette page a besoin de JavaScript.",
    },
    "en": {
        "title": "Sign in",
        "email": "E-mail address",
        "password": "Password",
        "submit": "Sign in",
        "away": "Webox is not answering. Try again in a moment.",
        "script": "This page needs JavaScript.",
    },
}


def login_words(language: Language) -> dict[str, str]:
    return _LOGIN[language]


def language_of(accept_language: str | None) -> Language:
    """French or English, whichever the visitor prefers; French when that is not said."""
    best: tuple[float, Language] = (0.0, "fr")
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().lower().partition(";")
        quality = _quality(parameters)
        for language in ("fr", "en"):
            if tag.partition("-")[0] == language and quality > best[0]:
                best = (quality, language)
    return best[1]


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
