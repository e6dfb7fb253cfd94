"""Links of a document: each target once, as a relation of the package."""

import re
from urllib.parse import urlsplit

from webox_exporter.documents.parsing import is_safe_link

_URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")
_LONGEST = 2_000
"""Word calls a file damaged that holds a longer target, or one that is no URI."""


class Links:
    def __init__(self) -> None:
        self.relations: dict[str, str] = {}

    def relation(self, target: str) -> str | None:
        """The id of the relation to this target; None where it had better stay text."""
        if known := self.relations.get(target):
            return known
        if not _is_fit(target):
            return None
        return self.relations.setdefault(target, f"link{len(self.relations) + 1}")


def _is_fit(target: str) -> bool:
    if not is_safe_link(target) or len(target) > _LONGEST or not _URI.fullmatch(target):
        return False
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) or parts.scheme.lower() == "mailto"
