"""The words and dates that documents add to what people and providers wrote."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

Language = Literal["fr", "en"]

_MONTHS: dict[Language, tuple[str, ...]] = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
}  # fmt: skip

_FRENCH = {
    "you": "Vous",
    "system": "Système",
    "assistant": "Assistant",
    "demo": "démonstration",
    "cancelled": "interrompue",
    "folder": "Dossier",
    "tags": "Étiquettes",
    "created": "Créée le",
    "updated": "Modifiée le",
    "messages": "Messages",
    "favorite": "Favorite",
    "yes": "oui",
    "page": "Page",
    "subject": "Conversation exportée de Webox",
    "untitled": "Sans titre",
    "index": "Conversations exportées",
    "of": "sur",
    "contents": "Sommaire",
    "continued": "suite",
    "answers": "réponses",
    "answer": "réponse",
    "tokens": "jetons",
    "truncated": "coupée",
    "answered by": "répondu par",
}
_ENGLISH = {
    "you": "You",
    "system": "System",
    "assistant": "Assistant",
    "demo": "demo",
    "cancelled": "stopped",
    "folder": "Folder",
    "tags": "Tags",
    "created": "Created",
    "updated": "Updated",
    "messages": "Messages",
    "favorite": "Favorite",
    "yes": "yes",
    "page": "Page",
    "subject": "Conversation exported from Webox",
    "untitled": "Untitled",
    "index": "Exported conversations",
    "of": "of",
    "contents": "Contents",
    "continued": "continued",
    "answers": "answers",
    "answer": "answer",
    "tokens": "tokens",
    "truncated": "cut",
    "answered by": "answered by",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The reader's language, for labels and dates. Dates are printed in UTC and say so."""

    language: Language = "fr"

    def __getitem__(self, key: str) -> str:
        return (_FRENCH if self.language == "fr" else _ENGLISH)[key]

    @property
    def colon(self) -> str:
        """What stands between a label and its value: French sets a no-break space first."""
        return "\N{NO-BREAK SPACE}: " if self.language == "fr" else ": "

    def date(self, moment: datetime) -> str:
        """`24 novembre 2025 à 14:30 UTC`, or `24 November 2025, 14:30 UTC`."""
        moment = moment.astimezone(UTC)
        month = _MONTHS[self.language][moment.month - 1]
        day = "1er" if self.language == "fr" and moment.day == 1 else str(moment.day)
        joint = " à " if self.language == "fr" else ", "
        return f"{day} {month} {moment.year}{joint}{moment:%H:%M} UTC"

    def number(self, value: Decimal) -> str:
        """`1234.5`, with the language's decimal mark and no zeros that say nothing."""
        digits = f"{value.normalize():f}"
        return digits.replace(".", ",") if self.language == "fr" else digits

    def seconds(self, milliseconds: int) -> str:
        """`1,2 s` or `1.2 s`."""
        return f"{self.number(round(Decimal(milliseconds) / 1000, 1))}\N{NO-BREAK SPACE}s"

    def dollars(self, cost: Decimal) -> str:
        """`0,0012 $` or `$0.0012`, exact."""
        digits = self.number(cost)
        return f"{digits}\N{NO-BREAK SPACE}$" if self.language == "fr" else f"${digits}"

    def whole(self, value: int) -> str:
        """`78 120` or `78,120`."""
        mark = "\N{NARROW NO-BREAK SPACE}" if self.language == "fr" else ","
        return f"{value:,}".replace(",", mark)

    def answers(self, count: int) -> str:
        """`1 réponse`, `2 answers`."""
        return f"{self.whole(count)}\N{NO-BREAK SPACE}{self['answer' if count == 1 else 'answers']}"
