"""The head of a client's request, and what of it goes on.

Headers are rebuilt from an allow-list, never passed on. What the client's `Connection` names is
taken out before ours are added, so that it cannot strip one of ours; a name written with `_`,
which some servers read as `-`, never passes.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from uuid_utils import uuid7

from webox_contracts.identity import ASSERTION_HEADER
from webox_gateway.errors import HeadTooLargeError
from webox_kit.errors import BadRequestError

MOST_HEAD_BYTES = 32 * 1024
SESSION_COOKIE = "access_token"

_FORWARDED = {
    name.encode(): name
    for name in (
        "accept",
        "accept-language",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-event-id",
        "prefer",
        "range",
        "tracestate",
    )
}
_REPEATABLE = frozenset({b"accept", b"accept-language", b"if-match", b"if-none-match", b"prefer"})

_READ = {
    name.encode(): name
    for name in (
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "origin",
        "sec-fetch-site",
        "traceparent",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
    )
}
_LISTS = frozenset({b"connection", b"cookie", b"x-forwarded-for", b"x-forwarded-proto"})
_ALIASED = frozenset(
    name.replace(b"-", b"_")
    for name in (*_FORWARDED, *_READ, ASSERTION_HEADER.encode())
    if b"-" in name
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACE_BITS, _SPAN_BITS = 128, 64


@dataclass(slots=True)
class RequestHead:
    """What a request says of itself. `forwarded` goes on to a service, `read` stays here."""

    forwarded: list[tuple[str, str]] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    traceparent: str = ""

    @property
    def has_body(self) -> bool:
        return (
            self.read.get("content-length", "0").strip("0") != ""
            or "transfer-encoding" in self.read
        )


def read_head(headers: Iterable[tuple[bytes, bytes]]) -> RequestHead:
    """Read the headers of an ASGI scope.

    Raises:
        HeadTooLargeError: they are over 32 KiB together.
        BadRequestError: one of them stands twice, has an underscore twin, or contradicts
            another in where the body ends.
    """
    head = RequestHead()
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
        if name in _FORWARDED:
            _forward(head, name, value)
        elif name in _READ:
            _keep(head, name, value)
        elif name in _ALIASED:
            raise BadRequestError(f"The header {name.decode()} is spelled with an underscore.")
    if size > MOST_HEAD_BYTES:
        raise HeadTooLargeError(f"The headers are over {MOST_HEAD_BYTES // 1024} KiB.")
    if "content-length" in head.read and "transfer-encoding" in head.read:
        raise BadRequestError("Content-Length and Transfer-Encoding contradict each other.")
    if "connection" in head.read:
        _strip_hop_by_hop(head)
    _identify(head)
    return head


def bearer_or_cookie(head: RequestHead) -> tuple[str | None, bool]:
    """The token of a request, and whether it came by cookie."""
    authorization = head.read.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        return (token.strip() if scheme.lower() == "bearer" else "", False)
    if "cookie" not in head.read:
        return None, False
    try:
        morsel = SimpleCookie(head.read["cookie"]).get(SESSION_COOKIE)
    except CookieError:
        return None, False
    return (morsel.value, True) if morsel else (None, False)


def _forward(head: RequestHead, name: bytes, value: bytes) -> None:
    text = _FORWARDED[name]
    if name not in _REPEATABLE and any(known == text for known, _ in head.forwarded):
        raise BadRequestError(f"The header {text} stands there twice.")
    head.forwarded.append((text, value.decode("latin-1")))


def _keep(head: RequestHead, name: bytes, value: bytes) -> None:
    text = _READ[name]
    if text not in head.read:
        head.read[text] = value.decode("latin-1")
    elif name == b"cookie":
        head.read[text] += "; " + value.decode("latin-1")
    elif name in _LISTS:
        head.read[text] += ", " + value.decode("latin-1")
    else:
        raise BadRequestError(f"The header {text} stands there twice.")


def _strip_hop_by_hop(head: RequestHead) -> None:
    named = {each.strip().lower() for each in head.read["connection"].split(",")}
    head.forwarded = [(name, value) for name, value in head.forwarded if name not in named]


def _identify(head: RequestHead) -> None:
    request_id = head.read.get("x-request-id", "")
    traceparent = head.read.get("traceparent", "")
    head.request_id = request_id if _REQUEST_ID.fullmatch(request_id) else str(uuid7())
    head.traceparent = traceparent if _TRACEPARENT.fullmatch(traceparent) else _new_trace()


def _new_trace() -> str:
    """A W3C `traceparent`, sampled; ids of traces are no secrets."""
    trace, span = random.getrandbits(_TRACE_BITS) or 1, random.getrandbits(_SPAN_BITS) or 1
    return f"00-{trace:032x}-{span:016x}-01"
