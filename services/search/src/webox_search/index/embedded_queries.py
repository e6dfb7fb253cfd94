"""Our documents and queries in tantivy's terms."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import tantivy
from tantivy import FieldType, Occur, Query

from webox_search.index.base import Document, Filters, Kind, SearchQuery
from webox_search.index.parsing import ParsedQuery, Term
from webox_search.index.plain import plain_text
from webox_search.index.words import words

SCHEMA_VERSION = 1
"""To be raised with every change of the fields, or of how text becomes words."""
TITLE = 0
"""The message id of a title."""

_EXACT, _PREFIX, _MISSPELT = 3.0, 1.0, 0.3


def make_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("key", "role", "provider", "folder", "tag"):
        builder.add_text_field(
            name, stored=name == "key", tokenizer_name="raw", index_option="basic"
        )
    for name in ("user_id", "conversation_id", "message_id", "created_at"):
        builder.add_integer_field(name, stored=True, indexed=True, fast=True)
    for name in ("is_favorite", "archived"):
        builder.add_boolean_field(name, indexed=True)
    # The words are ours, folded and joined by spaces: the engine's own analyzers fold Latin only.
    builder.add_text_field("words", tokenizer_name="whitespace")
    builder.add_bytes_field("text", stored=True)
    return builder.build()


SCHEMA = make_schema()


def to_tantivy(document: Document) -> tantivy.Document:
    is_title = document.message_id is None
    text = document.text if is_title else plain_text(document.text)
    made = tantivy.Document()
    made.add_text("key", document.key)
    made.add_integer("user_id", document.user_id)
    made.add_integer("conversation_id", document.conversation_id)
    made.add_integer("message_id", document.message_id or TITLE)
    made.add_integer("created_at", int(document.created_at.timestamp()))
    made.add_text("words", " ".join(words(text)))
    made.add_bytes("text", text.encode())
    if is_title:
        _add_conversation(made, document)
    for name, value in (("role", document.role), ("provider", document.provider)):
        if value is not None:
            made.add_text(name, _name(value))
    return made


def _add_conversation(made: tantivy.Document, document: Document) -> None:
    if document.folder is not None:
        made.add_text("folder", _name(document.folder))
    for tag in document.tags:
        made.add_text("tag", _name(tag))
    made.add_boolean("is_favorite", document.is_favorite)
    made.add_boolean("archived", document.archived)


def matching(
    parsed: ParsedQuery, query: SearchQuery, within: Sequence[int] | None, *, tolerant: bool
) -> Query:
    """What matches in the user's documents; `within` limits it to these conversations."""
    forgiving = parsed.forgiving if tolerant else {}
    must = [
        _unscored(_term("user_id", query.user_id)),
        *map(_unscored, _message_filters(query.filters)),
        *(_wanted(term, forgiving) for term in parsed.wanted),
    ]
    if within is not None:
        must.append(_unscored(Query.term_set_query(SCHEMA, "conversation_id", within)))
    must_not = [_unwanted(term) for term in parsed.unwanted]
    if query.filters.on_messages:
        must_not.append(_term("message_id", TITLE))
    return _boolean(must, must_not)


def conversations_matching(user_id: int, filters: Filters) -> Query:
    """The titles of the user's conversations that the filters let through."""
    must = [_term("user_id", user_id), _term("message_id", TITLE)]
    for name, value in (("folder", filters.folder), ("tag", filters.tag)):
        if value is not None:
            must.append(_term(name, _name(value)))
    for name, flag in (("is_favorite", filters.favorite), ("archived", filters.archived)):
        if flag is not None:
            must.append(_term(name, flag))
    return _boolean(must)


def all_after(kind: Kind, after: int) -> Query:
    """Every user's titles, or messages, whose conversation's or own id is above `after`."""
    if kind == "title":
        return _boolean([_term("message_id", TITLE), _above("conversation_id", after)])
    return _above("message_id", max(after, TITLE))


def with_keys(user_id: int, keys: Sequence[str]) -> Query:
    return _boolean([_term("user_id", user_id), Query.term_set_query(SCHEMA, "key", keys)])


def messages_of(user_id: int, conversation_id: int) -> Query:
    must = [_term("user_id", user_id), _term("conversation_id", conversation_id)]
    return _boolean(must, [_term("message_id", TITLE)])


def _message_filters(filters: Filters) -> Iterable[Query]:
    for name, value in (("role", filters.role), ("provider", filters.provider)):
        if value is not None:
            yield _term(name, _name(value))
    if filters.created_from is not None or filters.created_to is not None:
        yield Query.range_query(
            SCHEMA,
            "created_at",
            FieldType.Integer,
            _seconds(filters.created_from),
            _seconds(filters.created_to),
        )


def _wanted(term: Term, forgiving: dict[str, int]) -> Query:
    if term.is_phrase:
        return Query.boost_query(_phrase(term), _EXACT)
    word = term.words[0]
    ways = [Query.boost_query(_term("words", word), _EXACT)]
    if term.prefix:
        ways.append(Query.const_score_query(_beginning(word), _PREFIX))
    if word in forgiving and not term.quoted:
        near = Query.fuzzy_term_query(
            SCHEMA, "words", word, distance=forgiving[word], prefix=term.prefix
        )
        ways.append(Query.const_score_query(near, _MISSPELT))
    return Query.boolean_query([(Occur.Should, way) for way in ways])


def _unwanted(term: Term) -> Query:
    return _phrase(term) if term.is_phrase else _term("words", term.words[0])


def _phrase(term: Term) -> Query:
    if not term.prefix:
        return Query.phrase_query(SCHEMA, "words", list(term.words))
    # The phrase prefix query looks at the first 50 words of the vocabulary only. Our words are
    # letters, marks and digits: nothing in them is syntax in a pattern.
    *first, last = term.words
    return Query.regex_phrase_query(SCHEMA, "words", [*first, f"{last}.*"])


def _beginning(word: str) -> Query:
    return Query.fuzzy_term_query(SCHEMA, "words", word, distance=0, prefix=True)


def _above(name: str, value: int) -> Query:
    return Query.range_query(SCHEMA, name, FieldType.Integer, value + 1, None)


def _term(name: str, value: str | int) -> Query:
    return Query.term_query(SCHEMA, name, value)


def _boolean(must: Sequence[Query], must_not: Sequence[Query] = ()) -> Query:
    return Query.boolean_query(
        [*((Occur.Must, each) for each in must), *((Occur.MustNot, each) for each in must_not)]
    )


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _name(value: str) -> str:
    """Names are compared without regard to case, by every engine."""
    return value.casefold()


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
