import base64

import pytest
from dashboard_stage import Stage, started

from webox_kit.pagination import encode_cursor

LISTS = ["recent-activity", "notifications"]
READS = ["stats", "recent-projects", *LISTS]
WRITES = ["notifications/read-all", "notifications/1/read"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": "9" * 40},
        {"limit": "1\0"},
        {"limit": ""},
        {"skip": "-1"},
        {"skip": "1000001"},
        {"skip": "some"},
        {"cursor": ""},
        {"cursor": "\0"},
        {"cursor": "é"},
        {"cursor": "W10"},
        {"cursor": "x" * 1025},
        {"cursor": base64.urlsafe_b64encode(b'{"a": 1}').decode()},
        {"cursor": encode_cursor("another list", {"user": 1}, ["2025-11-24T12:00:00", "x"])},
    ],
)
async def test_a_wrong_page_is_400(served: Stage, path: str, query: dict[str, str]) -> None:
    answer = await served.ask(path, **query)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", [{"limit": 1}, {"limit": 200}, {"skip": 0}, {"skip": 1_000_000}, {"unknown": "\0"}]
)
async def test_limits_themselves_are_fine(served: Stage, path: str, query: dict[str, int]) -> None:
    await served.read(path, **query)


@pytest.mark.parametrize("scope", ["activity", "notifications"])
@pytest.mark.parametrize(
    "key",
    [
        ["no moment", "x"],
        [None, None],
        [5, "x"],
        ["2025-11-24T12:00:00Z"],
        ["2025-11-24T12:00:00Z", "x", "y"],
        [["2025-11-24T12:00:00Z"], {}],
        ["2025-11-24T12:00:00Z", "\0"],
        ["9999-12-31T23:59:59-23:59", "x"],
        ["0001-01-01T00:00:00+23:59", "x"],
    ],
)
async def test_a_forged_cursor_is_never_an_error_of_ours(
    served: Stage, scope: str, key: list[object]
) -> None:
    path = {"activity": "recent-activity"}.get(scope, scope)
    answer = await served.ask(path, cursor=encode_cursor(scope, {"user": 1}, key))
    assert answer.status_code in {200, 400}


async def test_another_list_s_or_user_s_cursor_is_400(stage: Stage) -> None:
    await stage.tell(*(started(n) for n in (1, 2)))
    cursor = (await stage.read("recent-activity", limit=1))["next_cursor"]
    await stage.read("recent-activity", cursor=cursor)
    assert (await stage.ask("notifications", cursor=cursor)).status_code == 400
    assert (await stage.ask("recent-activity", cursor=cursor, user_id=2)).status_code == 400
    both = await stage.ask("recent-activity", cursor=cursor, skip=0)
    assert (both.status_code, both.json()["errors"][0]["pointer"]) == (400, "#/skip")


@pytest.mark.parametrize("key", ["x", "1.5", "0", "-1", "9223372036854775808", "%00", "1%00"])
async def test_a_wrong_notification_id_is_400(served: Stage, key: str) -> None:
    assert (await served.ask(f"notifications/{key}/read", method="POST")).status_code == 400


async def test_the_largest_notification_id_is_not_found(served: Stage) -> None:
    answer = await served.ask(f"notifications/{2**63 - 1}/read", method="POST")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "language",
    ["", "*", ",;q=,", "fr;q=nan", "q=0.5", "é".encode(), "en;" * 900, "-" * 99],
)
async def test_any_language_is_answered(served: Stage, language: str | bytes) -> None:
    answer = await served.ask("recent-projects", language=language)
    assert (answer.status_code, answer.headers["content-language"]) == (200, "fr")


@pytest.mark.parametrize("path", READS)
async def test_nobody_reads_without_an_assertion(served: Stage, path: str) -> None:
    answer = await served.client.get(f"/api/dashboard/{path}")
    assert answer.status_code == 401
    assert (await served.ask(path, method="POST")).status_code == 405


@pytest.mark.parametrize("path", WRITES)
async def test_nobody_writes_without_an_assertion(served: Stage, path: str) -> None:
    assert (await served.client.post(f"/api/dashboard/{path}")).status_code == 401
    assert (await served.ask(path, method="DELETE")).status_code == 405


async def test_a_body_that_is_not_json_is_415(served: Stage) -> None:
    answer = await served.client.post(
        "/api/dashboard/notifications/read-all",
        headers=served.keys.user_headers("dashboard"),
        content=b"<a/>",
    )
    assert answer.status_code == 415
