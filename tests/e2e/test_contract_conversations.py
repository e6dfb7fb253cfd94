"""The contract's core rows of conversations, literally."""

from urllib.parse import quote

import pytest
from webox_stack import A_MOMENT, AN_ID, User, picked

from webox_double import answer_text

QUESTION = "Comment améliorer ma stratégie marketing ?"
LONG_QUESTION = "Comment **améliorer** ma stratégie\n\nmarketing ? " + "Expliquez en détail. " * 20
CONVERSATION = {
    "id": AN_ID,
    "title": QUESTION,
    "folder": "Général",
    "is_favorite": False,
    "tags": [],
    "preview": QUESTION,
    "message_count": 2,
    "created_at": A_MOMENT,
    "updated_at": A_MOMENT,
}


class TestList:
    async def test_shows_each_with_its_fields(self, user: User, conversation: int) -> None:
        answer = await user.get("/api/chat/conversations?folder=Général")
        expected = {"conversations": [CONVERSATION | {"id": conversation}]}
        assert picked(answer, expected) == expected
        assert answer["next_cursor"] is None

    @pytest.mark.usefixtures("conversation")
    async def test_only_of_the_folder(self, user: User) -> None:
        assert (await user.get("/api/chat/conversations?folder=Travail"))["conversations"] == []

    async def test_newest_first_and_in_pages(self, user: User) -> None:
        sent = [
            (await user.send(f"Question {n}", selected_providers=["GPT-4"]))["conversation_id"]
            for n in range(3)
        ]
        first = await user.get("/api/chat/conversations?limit=2")
        assert [each["id"] for each in first["conversations"]] == [sent[2], sent[1]]
        second = await user.get(f"/api/chat/conversations?limit=2&cursor={first['next_cursor']}")
        assert [each["id"] for each in second["conversations"]] == [sent[0]]
        assert second["next_cursor"] is None
        skipped = await user.get("/api/chat/conversations?skip=1")
        assert [each["id"] for each in skipped["conversations"]] == [sent[1], sent[0]]

    async def test_filters(self, user: User) -> None:
        ids = {
            name: (await user.send(name, selected_providers=["GPT-4"]))["conversation_id"]
            for name in ("tagged", "favorite", "archived")
        }
        base = "/api/chat/conversations"
        await user.post(f"{base}/{ids['tagged']}/tags", {"tag": "Marketing"})
        await user.post(f"{base}/{ids['favorite']}/favorite")
        await user.ask("PATCH", f"{base}/{ids['archived']}", json={"archived": True})
        for query, name in (
            ("tag=marketing", "tagged"),
            ("favorite=true", "favorite"),
            ("archived=true", "archived"),
        ):
            listed = (await user.get(f"{base}?{query}"))["conversations"]
            assert [each["id"] for each in listed] == [ids[name]], query

    async def test_a_preview_is_one_line_of_plain_text(self, user: User) -> None:
        await user.send(LONG_QUESTION, selected_providers=["GPT-4"])
        (shown,) = (await user.get("/api/chat/conversations"))["conversations"]
        assert shown["preview"].startswith("Comment améliorer ma stratégie marketing ?")
        assert shown["preview"].endswith("...")
        assert 100 < len(shown["preview"]) <= 120
        assert "\n" not in shown["preview"]


class TestDetail:
    async def test_has_the_messages_oldest_first(self, user: User, conversation: int) -> None:
        answer = await user.get(f"/api/chat/conversations/{conversation}")
        question = {"id": AN_ID, "role": "user", "content": QUESTION, "created_at": A_MOMENT}
        reply = {
            "id": AN_ID,
            "role": "assistant",
            "content": answer_text("gpt-4-turbo", QUESTION),
            "ai_provider": "GPT-4",
            "created_at": A_MOMENT,
            "status": "done",
            "model": "gpt-4-turbo",
        }
        expected = CONVERSATION | {"id": conversation, "messages": [question, reply]}
        assert picked(answer, expected) == expected
        first, second = answer["messages"]
        assert second["parent_id"] == first["id"] < second["id"]

    async def test_has_long_conversations_in_pages(self, user: User, conversation: int) -> None:
        await user.send("Et puis ?", conversation_id=conversation, selected_providers=["GPT-4"])
        path = f"/api/chat/conversations/{conversation}?messages_limit=3"
        first = await user.get(path)
        second = await user.get(f"{path}&messages_cursor={first['messages_next_cursor']}")
        ids = [each["id"] for each in first["messages"] + second["messages"]]
        assert len(ids) == 4
        assert ids == sorted(set(ids))
        assert second["messages_next_cursor"] is None
        newest = await user.get(f"{path}&messages_from=end")
        assert [each["id"] for each in newest["messages"]] == ids[1:]


class TestFavorite:
    async def test_toggles(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/favorite"
        assert await user.post(path) == {"is_favorite": True}
        assert (await user.get(path.removesuffix("/favorite")))["is_favorite"] is True
        assert await user.post(path) == {"is_favorite": False}

    async def test_sets_what_the_body_says(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/favorite"
        assert await user.post(path, {"is_favorite": True}) == {"is_favorite": True}
        assert await user.post(path, {"is_favorite": True}) == {"is_favorite": True}


class TestTags:
    async def test_are_added_trimmed_sorted_and_once(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/tags"
        assert await user.post(path, {"tag": "stratégie"}) == {"tags": ["stratégie"]}
        both = {"tags": ["marketing", "stratégie"]}
        assert await user.post(path, {"tag": "  marketing "}) == both
        assert await user.post(path, {"tag": "MARKETING"}) == both

    async def test_are_removed(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/tags"
        await user.post(path, {"tag": "marketing"})
        await user.post(path, {"tag": "stratégie"})
        assert await user.delete(f"{path}/marketing") == {"tags": ["stratégie"]}
        assert await user.delete(f"{path}/{quote('STRATÉGIE')}") == {"tags": []}

    async def test_of_any_text(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}/tags"
        for tag in ("q/a", "50 % ?#", "日本語"):
            assert await user.post(path, {"tag": tag}) == {"tags": [tag]}
            assert await user.delete(f"{path}/{quote(tag, safe='')}") == {"tags": []}


class TestDelete:
    async def test_says_so_and_it_is_gone(self, user: User, conversation: int) -> None:
        path = f"/api/chat/conversations/{conversation}"
        assert await user.delete(path) == {"message": "Conversation deleted successfully"}
        await user.get(path, expect=404)
        await user.delete(path, expect=404)
        assert (await user.get("/api/chat/conversations"))["conversations"] == []
        await user.send("Encore", conversation_id=conversation, expect=404)
