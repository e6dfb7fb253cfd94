"""What other Webox products report: CloudEvents 1.0 in structured mode."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

MEDIA_TYPE = "application/cloudevents+json"
_numbers = itertools.count(1)


def cloud_event(
    user_id: int,
    event_type: str,
    subject: str = "1",
    *,
    ago: timedelta = timedelta(),
    event_id: str | None = None,
    **data: Any,
) -> dict[str, Any]:
    """An event of `user_id` that happened `ago`; `data` is its name or bytes."""
    return {
        "specversion": "1.0",
        "id": event_id or f"test-{next(_numbers)}",
        "source": "/tests",
        "type": event_type,
        "subject": subject,
        "time": (datetime.now(UTC) - ago).isoformat(),
        "datacontenttype": "application/json",
        "data": {"user_id": user_id, **data},
    }


async def report(
    client: httpx.AsyncClient, token: str, event: dict[str, Any], *, expect: int = 202
) -> Any:
    """The JSON that the gateway answers."""
    response = await client.post(
        "/api/events",
        json=event,
        headers={"Content-Type": MEDIA_TYPE, "Authorization": f"Bearer {token}"},
    )
    assert response.status_code == expect, response.text
    return response.json()
