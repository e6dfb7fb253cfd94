"""How long is waited between two tries."""

from collections.abc import AsyncGenerator

import pytest

from webox_chat.providers import ProviderError, ReasoningDelta, StreamItem
from webox_chat.providers.base import TimeLimits
from webox_chat.providers.failures import retry_after_seconds
from webox_chat.providers.retry import RetryPolicy, with_retries

POLICY = RetryPolicy(tries=3, first_wait=0.5, longest_wait=60)


def overloaded(retry_after: float | None = None, *, retryable: bool = True) -> ProviderError:
    return ProviderError("unavailable", "x", retry_after=retry_after, retryable=retryable)


@pytest.mark.parametrize(("attempt", "shortest", "longest"), [(1, 0.25, 0.5), (2, 0.5, 1.0)])
def test_doubles_with_jitter(attempt: int, shortest: float, longest: float) -> None:
    waits = [POLICY.wait_after(attempt, overloaded()) for _ in range(50)]
    assert all(wait is not None and shortest <= wait <= longest for wait in waits)
    assert len(set(waits)) > 1


def test_is_as_the_provider_said_or_a_little_more() -> None:
    wait = POLICY.wait_after(1, overloaded(60))
    assert wait is not None
    assert 60 <= wait <= 60.5


@pytest.mark.parametrize(
    ("attempt", "error"),
    [(1, overloaded(61)), (3, overloaded()), (1, overloaded(retryable=False))],
    ids=["told too long", "the last try", "not worth it"],
)
def test_gives_up(attempt: int, error: ProviderError) -> None:
    assert POLICY.wait_after(attempt, error) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "7", "retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_what_the_provider_says(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


async def test_is_no_time_to_try_again_once_something_was_shown() -> None:
    tries = 0

    async def thinking(_ends_at: float) -> AsyncGenerator[StreamItem]:
        nonlocal tries
        tries += 1
        yield ReasoningDelta("hm")
        raise overloaded()

    with pytest.raises(ProviderError):
        async for _ in with_retries(thinking, POLICY, TimeLimits()):
            pass
    assert tries == 1
