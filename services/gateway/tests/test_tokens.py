import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from webox_gateway.door import tickets
from webox_gateway.models import access_token
from webox_gateway.testing import Gateway, Person

REQUEST = {"name": "ci", "scopes": ["chat", "events:write"], "expires_in_days": 30}


async def make_token(gateway: Gateway, person: Person, **change: object) -> dict[str, object]:
    answer = await gateway.client.post(
        "/api/auth/tokens", json={**REQUEST, **change}, headers=person.bearer
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


class TestCreate:
    async def test_the_secret_is_shown_once(self, gateway: Gateway) -> None:
        person = await gateway.user()
        made = await make_token(gateway, person)
        assert str(made["token"]).startswith("wbt_")
        assert made["scopes"] == ["chat", "events:write"]
        assert made["last_used_at"] is None
        listed = (await gateway.client.get("/api/auth/tokens", headers=person.bearer)).json()
        [shown] = listed["tokens"]
        assert shown == {name: value for name, value in made.items() if name != "token"}
        assert listed["next_cursor"] is None

    async def test_it_may_do_what_it_was_made_for(self, gateway: Gateway) -> None:
        person = await gateway.user()
        made = await make_token(gateway, person, scopes=["dashboard:read"], expires_in_days=None)
        assert made["expires_at"] is None
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert (await gateway.client.get("/api/dashboard/stats", headers=bearer)).status_code == 200
        refused = await gateway.client.get("/api/chat/conversations", headers=bearer)
        assert refused.status_code == 403
        assert "`chat`" in refused.json()["detail"]
        me = await gateway.client.get("/api/auth/me", headers=bearer)
        assert me.json()["id"] == person.id

    async def test_bad_requests_are_refused(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for change, pointer in [
            ({"scopes": []}, "#/scopes"),
            ({"scopes": ["root"]}, "#/scopes/0"),
            ({"scopes": "chat"}, "#/scopes"),
            ({"name": ""}, "#/name"),
            ({"name": "x" * 101}, "#/name"),
            ({"expires_in_days": 0}, "#/expires_in_days"),
            ({"expires_in_days": 3651}, "#/expires_in_days"),
            ({"expires_in_days": "30"}, "#/expires_in_days"),
            ({"expires_in_days": True}, "#/expires_in_days"),
        ]:
            answer = await gateway.client.post(
                "/api/auth/tokens", json={**REQUEST, **change}, headers=person.bearer
            )
            assert answer.status_code == 400, change
            assert answer.json()["errors"][0]["pointer"] == pointer
        await make_token(gateway, person, name="x" * 100, expires_in_days=3650)

    async def test_only_an_admin_can_give_the_admin_scope(self, gateway: Gateway) -> None:
        person = await gateway.user()
        body = {**REQUEST, "scopes": ["admin"]}
        refused = await gateway.client.post("/api/auth/tokens", json=body, headers=person.bearer)
        assert refused.status_code == 403
        admin = await gateway.user("root@example.org", role="admin")
        made = await make_token(gateway, admin, scopes=["admin"])
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert (await gateway.client.get("/ops", headers=bearer)).status_code == 200

    async def test_a_token_cannot_make_or_list_away_tokens(self, gateway: Gateway) -> None:
        person = await gateway.user()
        made = await make_token(gateway, person, scopes=["chat"])
        bearer = {"Authorization": f"Bearer {made['token']}"}
        more = await gateway.client.post("/api/auth/tokens", json=REQUEST, headers=bearer)
        assert more.status_code == 403
        less = await gateway.client.delete(f"/api/auth/tokens/{made['id']}", headers=bearer)
        assert less.status_code == 403
        out = await gateway.client.post("/api/auth/logout", headers=bearer)
        assert out.status_code == 403

    async def test_a_repeated_request_makes_one_token(self, gateway: Gateway) -> None:
        person = await gateway.user()
        headers = {**person.bearer, "Idempotency-Key": "k1"}
        answers = await asyncio.gather(
            *(
                gateway.client.post("/api/auth/tokens", json=REQUEST, headers=headers)
                for _ in range(5)
            )
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert sum(answer.json()["token"] is not None for answer in answers) == 1
        other = await gateway.client.post(
            "/api/auth/tokens", json={**REQUEST, "name": "other"}, headers=headers
        )
        assert other.status_code == 409

    async def test_use_is_noted_once_a_minute(
        self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tickets, "_REMEMBERED_SECONDS", 0)  # look up at each request
        person = await gateway.user()
        made = await make_token(gateway, person)
        bearer = {"Authorization": f"Bearer {made['token']}"}

        async def last_used() -> str:
            await gateway.client.get("/api/chat/folders", headers=bearer)
            listed = await gateway.client.get("/api/auth/tokens", headers=person.bearer)
            at: str = listed.json()["tokens"][0]["last_used_at"]
            return at

        async def used(seconds_ago: int) -> datetime:
            at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
            async with gateway.database.engine.begin() as connection:
                await connection.execute(access_token.update().values(last_used_at=at))
            return at.replace(microsecond=0)

        assert await last_used() is not None
        long_ago = await used(61)
        assert datetime.fromisoformat(await last_used()) > long_ago
        lately = await used(50)
        assert datetime.fromisoformat(await last_used()) == lately


class TestList:
    async def test_pages_newest_first_without_gap_or_repeat(self, gateway: Gateway) -> None:
        person = await gateway.user()
        made = [await make_token(gateway, person, name=f"t{number}") for number in range(5)]
        newest_first = [token["id"] for token in reversed(made)]
        seen: list[object] = []
        cursor: str | None = None
        while True:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = (
                await gateway.client.get("/api/auth/tokens", params=query, headers=person.bearer)
            ).json()
            seen += [token["id"] for token in page["tokens"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == newest_first
        skipped = await gateway.client.get(
            "/api/auth/tokens", params={"skip": 3}, headers=person.bearer
        )
        assert [token["id"] for token in skipped.json()["tokens"]] == newest_first[3:]

    async def test_bad_pages_are_refused(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for query in (
            "limit=0",
            "limit=201",
            "limit=x",
            "cursor=x",
            "cursor=WyJhIl0",
            "skip=-1",
            "cursor=a&skip=1",
        ):
            answer = await gateway.client.get(f"/api/auth/tokens?{query}", headers=person.bearer)
            assert answer.status_code == 400, query
        answer = await gateway.client.get("/api/auth/tokens?limit=200", headers=person.bearer)
        assert answer.status_code == 200


class TestRevoke:
    async def test_it_stops_at_once(self, gateway: Gateway) -> None:
        person = await gateway.user()
        made = await make_token(gateway, person)
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert (await gateway.client.get("/api/chat/folders", headers=bearer)).status_code == 200
        path = f"/api/auth/tokens/{made['id']}"
        gone = await gateway.client.delete(path, headers=person.bearer)
        assert gone.status_code == 204
        assert (await gateway.client.get("/api/chat/folders", headers=bearer)).status_code == 401
        again = await gateway.client.delete(path, headers=person.bearer)
        assert again.status_code == 404

    async def test_another_users_token_is_as_if_it_were_not(self, gateway: Gateway) -> None:
        ada, eve = await gateway.user(), await gateway.user("eve@example.org")
        made = await make_token(gateway, ada)
        theirs = await gateway.client.delete(f"/api/auth/tokens/{made['id']}", headers=eve.bearer)
        nobodys = await gateway.client.delete("/api/auth/tokens/999999", headers=eve.bearer)
        assert theirs.status_code == nobodys.status_code == 404
        assert (await gateway.client.get("/api/auth/tokens", headers=eve.bearer)).json()[
            "tokens"
        ] == []
        bearer = {"Authorization": f"Bearer {made['token']}"}
        assert (await gateway.client.get("/api/auth/me", headers=bearer)).status_code == 200

    async def test_ids_out_of_range_are_400(self, gateway: Gateway) -> None:
        person = await gateway.user()
        for bad in ("x", "0", "-1", str(2**63)):
            answer = await gateway.client.delete(f"/api/auth/tokens/{bad}", headers=person.bearer)
            assert answer.status_code == 400, bad
