"""Writing to one generation of the embedded index."""

from collections.abc import Sequence
from pathlib import Path

import tantivy

from webox_search.index.base import Document
from webox_search.index.embedded_schema import make_schema, to_tantivy
from webox_search.index.generations import version_of

_HEAP_BYTES = 20_000_000


class GenerationWriter:
    """The one writer of a generation. Errors of the engine are ValueErrors.

    A writer that is let go of loses what it did not commit, and its lock with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = version_of(path)
        index = tantivy.Index(make_schema(self._version), path=str(path))
        self._writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)

    def upsert(self, documents: Sequence[Document]) -> None:
        for document in documents:
            self._writer.delete_documents_by_term("key", document.key)
            self._writer.add_document(to_tantivy(document, self._version))

    def delete(self, field: str, values: Sequence[str] | Sequence[int]) -> None:
        for value in values:
            self._writer.delete_documents_by_term(field, value)

    def commit(self) -> None:
        self._writer.commit()
