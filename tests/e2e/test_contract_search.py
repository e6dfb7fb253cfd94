"""The contract's core row of search, literally, on what the events have brought into the index."""

import re
from datetime import datetime

from webox_stack import User, eventually, picked

LONG = (
    "Bonjour, je dirige une petite boutique de fleurs à Lyon depuis douze ans. "
    "Comment améliorer ma stratégie marketing digital cette année, avec peu de moyens ? "
    "Nous avons un site, une lettre mensuelle et deux vitrines, mais presque personne ne vient."
)


async def found(user: User, query: str, count: int = 1) -> list[dict[str, object]]:
    """The results, once there are so many with their messages: titles come first."""

    async def all_there() -> list[dict[str, object]]:
        results: list[dict[str, object]] = (await search(user, query))["results"]
        assert len([each for each in results if each["message_id"]]) == count
        return results

    return await eventually(all_there, seconds=10)


async def search(user: User, query: str, **filters: str) -> dict[str, list[dict[str, object]]]:
    answer: dict[str, list[dict[str, object]]] = await user.get(
        "/api/chat/search", params={"q": query, **filters}
    )
    return answer


async def test_shows_where_the_words_are(user: User) -> None:
    sent = await user.send(LONG, selected_providers=["GPT-4"])
    (result,) = await found(user, "stratégie marketing")
    shown = await user.get(f"/api/chat/conversations/{sent['conversation_id']}")
    (best,) = [each for each in shown["messages"] if each["id"] == result["message_id"]]
    expected = {
        "conversation_id": sent["conversation_id"],
        "title": shown["title"],
        "created_at": best["created_at"],
    }
    assert picked(result, expected) == expected
    assert "stratégie marketing" in best["content"]
    snippet = str(result["snippet"])
    assert "améliorer ma stratégie marketing digital" in snippet
    assert snippet.startswith("...")
    assert snippet.endswith("...")
    assert len(snippet) < len(LONG)


async def test_dates_are_written_for_people(user: User) -> None:
    await user.send(LONG, selected_providers=["GPT-4"])
    (result,) = await found(user, "boutique fleurs")
    date = str(result["date"])
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d", date)
    moment = datetime.fromisoformat(str(result["created_at"]))
    assert date == f"{moment:%d/%m/%Y %H:%M}"


async def test_highlights_point_at_the_words(user: User) -> None:
    await user.send("Été 😀 : quelle STRATÉGIE choisir ?", selected_providers=["GPT-4"])
    (result,) = await found(user, "strategie")
    highlights = result["highlights"]
    assert isinstance(highlights, dict)
    for field in ("title", "snippet"):
        marked = [str(result[field])[start:end] for start, end in highlights[field]]
        assert marked
        assert {word.casefold() for word in marked} == {"stratégie"}


async def test_forgives_typing_errors_accents_and_case(user: User) -> None:
    await user.send("Une stratégie pour Noël", selected_providers=["GPT-4"])
    await found(user, "stratégie")
    for query in ("STRATEGIE", "stratgeie", "strategi", "noel"):
        assert len((await search(user, query))["results"]) == 1, query
    assert (await search(user, "anniversaire"))["results"] == []


async def test_one_row_a_conversation_in_pages(user: User) -> None:
    for number in range(3):
        await user.send(f"Tulipe {number} tulipe", selected_providers=["GPT-4", "Claude"])
    results = await found(user, "tulipe", 3)
    assert len({each["conversation_id"] for each in results}) == 3
    first = await search(user, "tulipe", limit="2")
    assert first["total"] == 3
    assert type(first["took_ms"]) is int
    second = await search(user, "tulipe", limit="2", cursor=str(first["next_cursor"]))
    pages = [each["conversation_id"] for each in first["results"] + second["results"]]
    assert sorted(map(str, pages)) == sorted(str(each["conversation_id"]) for each in results)
    assert second["next_cursor"] is None


async def test_filters(user: User) -> None:
    work = await user.send("Tulipe au travail", folder="Travail", selected_providers=["Claude"])
    home = await user.send("Tulipe à la maison", selected_providers=["GPT-4"])
    await found(user, "tulipe", 2)
    await user.post(f"/api/chat/conversations/{home['conversation_id']}/tags", {"tag": "Jardin"})
    await user.post(f"/api/chat/conversations/{home['conversation_id']}/favorite")

    async def filtered() -> None:
        for name, value, expected in (
            ("folder", "Travail", work),
            ("provider", "Claude", work),
            ("tag", "jardin", home),
            ("favorite", "true", home),
        ):
            results = (await search(user, "tulipe", **{name: value}))["results"]
            ids = [each["conversation_id"] for each in results]
            assert ids == [expected["conversation_id"]], name

    await eventually(filtered)
