"""Our documents in tantivy's terms."""

import tantivy

from webox_search.index.base import Document
from webox_search.index.plain import plain_text
from webox_search.index.stems import words_and_forms

SCHEMA_VERSION = 2
"""To be raised with every change of the fields, or of how text becomes words.

1: as it began. 2: `forms`, and names as they are written, for facets; only texts are stored.

An index of an older version is searched and written to until the new one is built: new fields
come last, so that those before keep their numbers.
"""
OLDEST_VERSION = 1
TITLE = 0
"""The message id of a title."""


def make_schema(version: int) -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # Only texts are read from what is stored; numbers from columns.
    is_stored = version == 1
    for name in ("key", "role", "provider", "folder", "tag"):
        builder.add_text_field(
            name, stored=is_stored and name == "key", tokenizer_name="raw", index_option="basic"
        )
    for name in ("user_id", "conversation_id", "message_id", "created_at"):
        builder.add_integer_field(name, stored=is_stored, indexed=True, fast=True)
    for name in ("is_favorite", "archived"):
        builder.add_boolean_field(name, indexed=True, fast=version > 1)
    # The words are ours, folded and joined by spaces: the engine's own analyzers fold Latin only.
    builder.add_text_field("words", tokenizer_name="whitespace")
    builder.add_bytes_field("text", stored=True)
    if version > 1:
        builder.add_text_field("forms", tokenizer_name="whitespace", index_option="basic")
        for name in ("folder_name", "tag_name", "provider_name", "role_name"):
            builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    return builder.build()


SCHEMA = make_schema(SCHEMA_VERSION)


def to_tantivy(document: Document, version: int) -> tantivy.Document:
    is_title = document.message_id is None
    text = document.text if is_title else plain_text(document.text)
    words, forms = words_and_forms(text)
    made = tantivy.Document()
    made.add_text("key", document.key)
    made.add_integer("user_id", document.user_id)
    made.add_integer("conversation_id", document.conversation_id)
    made.add_integer("message_id", document.message_id or TITLE)
    made.add_integer("created_at", int(document.created_at.timestamp()))
    made.add_text("words", " ".join(words))
    made.add_bytes("text", text.encode())
    if version > 1:
        made.add_text("forms", forms)
    if is_title:
        made.add_boolean("is_favorite", document.is_favorite)
        made.add_boolean("archived", document.archived)
    for field, value in _names(document):
        made.add_text(field, folded_name(value))
        if version > 1:
            made.add_text(f"{field}_name", value)
    return made


def folded_name(value: str) -> str:
    """Names are compared without regard to case, by every engine."""
    return value.casefold()


def _names(document: Document) -> list[tuple[str, str]]:
    """What is filtered and counted by: of a title its conversation's, or of a message its own."""
    if document.message_id is None:
        folder = [("folder", document.folder)] if document.folder is not None else []
        return [*folder, *(("tag", tag) for tag in document.tags)]
    own = (("role", document.role), ("provider", document.provider))
    return [(field, value) for field, value in own if value is not None]
