"""Our queries in tantivy's terms."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from tantivy import FieldType, Occur, Query

from webox_search.index.base import Filters, Kind, SearchQuery
from webox_search.index.embedded_schema import SCHEMA, TITLE, folded_name
from webox_search.index.parsing import ParsedQuery, Term

_EXACT, _MISSPELT = 3.0, 0.3
_AS_TYPED = 10_000.0
"""What a word that is there as typed, or begins so, adds to the score: over any other score."""
_LOOKED_UP_AT_MOST = 100
"""So many terms are looked up one by one; for more, a walk over the vocabulary takes less."""


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
        must.append(_unscored(_of_conversations(within)))
    must_not = [_unwanted(term) for term in parsed.unwanted]
    if query.filters.on_messages:
        must_not.append(_term("message_id", TITLE))
    return _boolean(must, must_not)


def conversations_matching(user_id: int, filters: Filters) -> Query:
    """The titles of the user's conversations that the filters let through."""
    must = [_term("user_id", user_id), _term("message_id", TITLE)]
    for name, value in (("folder", filters.folder), ("tag", filters.tag)):
        if value is not None:
            must.append(_term(name, folded_name(value)))
    for name, flag in (("is_favorite", filters.favorite), ("archived", filters.archived)):
        if flag is not None:
            must.append(_term(name, flag))
    return _boolean(must)


def titles_of(user_id: int, conversations: Sequence[int]) -> Query:
    chosen = _of_conversations(conversations)
    return _boolean([_term("user_id", user_id), _term("message_id", TITLE), chosen])


def only_messages(query: Query) -> Query:
    return _boolean([query], [_term("message_id", TITLE)])


def all_after(kind: Kind, after: int) -> Query:
    """Every user's titles, or messages, whose conversation's or own id is above `after`."""
    if kind == "title":
        return _boolean([_term("message_id", TITLE), _above("conversation_id", after)])
    return _above("message_id", max(after, TITLE))


def messages_of(user_id: int, conversation_id: int) -> Query:
    must = [_term("user_id", user_id), _term("conversation_id", conversation_id)]
    return _boolean(must, [_term("message_id", TITLE)])


def _of_conversations(ids: Sequence[int]) -> Query:
    if 0 < len(ids) <= _LOOKED_UP_AT_MOST:
        return _any(_term("conversation_id", each) for each in ids)
    return Query.term_set_query(SCHEMA, "conversation_id", ids)


def _message_filters(filters: Filters) -> Iterable[Query]:
    for name, value in (("role", filters.role), ("provider", filters.provider)):
        if value is not None:
            yield _term(name, folded_name(value))
    if filters.created_from is not None or filters.created_to is not None:
        yield Query.range_query(
            SCHEMA,
            "created_at",
            FieldType.Integer,
            _seconds(filters.created_from),
            _seconds(filters.created_to),
        )


def full_score(parsed: ParsedQuery) -> float:
    """What a document's score has over its rank if every word is there as typed; else less."""
    return _AS_TYPED * sum(term.has_forms for term in parsed.wanted)


def _wanted(term: Term, forgiving: dict[str, int]) -> Query:
    if term.is_phrase:
        return Query.boost_query(_phrase(term), _EXACT)
    word = term.words[0]
    typed = _beginning(word) if term.prefix else _term("words", word)
    ways = [
        Query.boost_query(_term("words", word), _EXACT),
        Query.const_score_query(typed, _AS_TYPED if term.has_forms else 0.0),
    ]
    if term.has_forms:
        ways.append(_unscored(_any(_forms(term))))
    if word in forgiving and not term.quoted:
        near = Query.fuzzy_term_query(
            SCHEMA, "words", word, distance=forgiving[word], prefix=term.prefix
        )
        ways.append(Query.const_score_query(near, _MISSPELT))
    return _any(ways)


def _forms(term: Term) -> Iterator[Query]:
    """The word is a form of one of the text, the text has a form of it, or both share one."""
    word, found = term.words[0], sorted(term.forms)
    yield from (_term("words", form) for form in found)
    yield from (_term("forms", form) for form in (word, *found))


def _any(ways: Iterable[Query]) -> Query:
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


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
