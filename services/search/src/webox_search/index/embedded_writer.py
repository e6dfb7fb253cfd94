"""Writing to one generation of the embedded index."""

from collections.abc import Sequence
from pathlib import Path

import tantivy

from webox_search.index.base import Document
from webox_search.index.embedded_schema import make_schema, to_tantivy
from webox_search.index.generations import version_of

_HEAP_BYTES, _BUILDING_HEAP_BYTES = 20_000_000, 60_000_000
"""More makes fewer segments: to build then takes less time, and less room."""


class GenerationWriter:
    """The one writer of a generation. Errors of the engine are ValueErrors.

    A writer that is let go of loses what it did not commit, and its lock with it.
    """

    def __init__(self, path: Path, *, is_new: bool = False) -> None:
        """`is_new` for one that is being built; `keep` ends that."""
        self.path = path
        self._version = version_of(path)
        self._changed: set[str] | None = set() if is_new else None
        """The keys of what was added by `upsert` to a generation being built."""
        index = tantivy.Index(make_schema(self._version), path=str(path))
        heap = _BUILDING_HEAP_BYTES if is_new else _HEAP_BYTES
        self._writer = index.writer(heap_size=heap, num_threads=1)

    def upsert(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self._writer.delete_documents_by_term("key", document.key)
            self._writer.add_document(to_tantivy(document, self._version))
            if self._changed is not None:
                self._changed.add(document.key)

    def fill(self, documents: Sequence[Document]) -> None:
        """Add to a generation that began empty what it has not got yet, but by `upsert`."""
        for document in documents:
            if self._changed is None or document.key in self._changed:
                self._writer.delete_documents_by_term("key", document.key)
            self._writer.add_document(to_tantivy(document, self._version))

    def delete(self, field: str, values: Sequence[str] | Sequence[int]) -> None:
        for value in values:
            self._writer.delete_documents_by_term(field, value)

    def commit(self) -> None:
        self._writer.commit()

    def keep(self) -> None:
        """It is built, and serves from now on."""
        self._changed = None
