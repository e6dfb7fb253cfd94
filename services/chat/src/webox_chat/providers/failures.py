"""What a provider's refusal means, in our codes."""

import math
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from webox_chat.providers.base import LONGEST_DETAIL, ErrorCode, ProviderError
from webox_chat.providers.text import storable
from webox_kit import clock

KEY_FRAGMENT = 8
READ_OF_A_MESSAGE = 2000
_NO_CREDIT = ("insufficient_quota", "billing")
_TRANSIENT: tuple[ErrorCode, ...] = ("rate_limited", "unavailable")

# Words of the providers' own error types and codes, the first that fits decides.
_MEANINGS: tuple[tuple[str, ErrorCode], ...] = (
    ("rate_limit", "rate_limited"),
    ("quota", "rate_limited"),
    ("resource_exhausted", "rate_limited"),
    ("authentication", "unauthorized"),
    ("permission", "unauthorized"),
    ("api_key", "unauthorized"),
    ("timeout", "unavailable"),
    ("overloaded", "unavailable"),
    ("unavailable", "unavailable"),
    ("server_error", "unavailable"),
    ("api_error", "unavailable"),
)


def failure_of_status(
    status: int, headers: Mapping[str, str], body: bytes, key: str | None
) -> ProviderError:
    """The error for an answer that is not 200; `body` is its beginning."""
    code = _code_of_status(status)
    error = _error_object(body)
    words = provider_words(error.get("message"), key)
    detail = f"The provider answered {status}" + (f": {words}" if words else "")
    return ProviderError(
        code,
        detail,
        retry_after=retry_after_seconds(headers),
        retryable=_may_pass(code, error),
        ill=code == "unavailable",
    )


def failure_in_stream(error: object, key: str | None) -> ProviderError:
    """The error for an error event inside a stream that began well."""
    told = error if isinstance(error, dict) else {"message": error}
    code = _code_of_kind(_kind(told), told.get("code"))
    words = provider_words(told.get("message"), key)
    detail = "The provider broke off" + (f": {words}" if words else " with an error")
    return ProviderError(code, detail, retryable=_may_pass(code, told), ill=code == "unavailable")


def provider_words(message: object, key: str | None) -> str:
    """The provider's message as one clean line of at most 300 characters, without the key.

    Every eight characters in a row that stand in the key count as the key: providers quote it
    shortened as well.
    """
    if not isinstance(message, str):
        return ""
    line = " ".join(storable(_without(key, message[:READ_OF_A_MESSAGE])).split())
    return "".join(letter for letter in line if letter.isprintable())[:LONGEST_DETAIL]


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Of `Retry-After`, in seconds or as a date, or OpenAI's `retry-after-ms`."""
    milliseconds = _positive(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("Retry-After")
    seconds = _positive(value)
    if seconds is not None or value is None:
        return seconds
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock.now()).total_seconds())


def _positive(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _may_pass(code: ErrorCode, error: Mapping[str, Any]) -> bool:
    """Waiting helps against load, not against an empty account."""
    return code in _TRANSIENT and not any(word in _kind(error) for word in _NO_CREDIT)


def _code_of_status(status: int) -> ErrorCode:
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.PAYMENT_REQUIRED:
            return "unauthorized"
        case HTTPStatus.TOO_MANY_REQUESTS:
            return "rate_limited"
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.CONFLICT | HTTPStatus.TOO_EARLY:
            return "unavailable"
    return "unavailable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_response"


def _code_of_kind(kind: str, code: object) -> ErrorCode:
    if isinstance(code, int) and code >= HTTPStatus.BAD_REQUEST:
        return _code_of_status(code)
    return next((meaning for word, meaning in _MEANINGS if word in kind), "bad_response")


def _kind(error: Mapping[str, Any]) -> str:
    return f"{error.get('type')} {error.get('code')} {error.get('status')}".lower()


def _error_object(body: bytes) -> dict[str, Any]:
    """The `error` of a JSON body, whichever way it is wrapped; Gemini puts it in a list."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error", value) if isinstance(value, dict) else value
    return error if isinstance(error, dict) else {"message": error}


def _without(key: str | None, text: str) -> str:
    if not key:
        return text
    length = min(KEY_FRAGMENT, len(key))
    fragments = {key[at : at + length] for at in range(len(key) - length + 1)}
    secret = [False] * len(text)
    for at in range(len(text) - length + 1):
        if text[at : at + length] in fragments:
            secret[at : at + length] = [True] * length
    shown = []
    for at, letter in enumerate(text):
        if not secret[at]:
            shown.append(letter)
        elif at == 0 or not secret[at - 1]:
            shown.append("[key]")
    return "".join(shown)
