"""What is shown of what is found, and to whom, on both engines."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from search_support.library import ALICE, BOB, START, Library

from webox_search.index.base import Filters, Span


def marked(text: str, spans: Sequence[Span]) -> list[str]:
    return [text[start:end] for start, end in spans]


class TestOneRowAConversation:
    async def test_its_best_message_is_shown_and_the_others_counted(self, library: Library) -> None:
        conversation = await library.conversation(
            "Le marketing",
            "marketing, marketing et encore marketing",
            "Parlons de cuisine",
            "Le marketing encore",
        )

        (row,) = await library.rows("marketing")

        assert row.conversation_id == conversation
        assert row.snippet == "marketing, marketing et encore marketing"
        assert row.more_matches == 2

    async def test_of_equal_messages_the_most_recent_is_shown(self, library: Library) -> None:
        await library.conversation("le marketing", "oui", "le marketing")

        (row,) = await library.rows("marketing")

        assert row.created_at.minute == 32

    async def test_a_title_alone_shows_the_opening(self, library: Library) -> None:
        created_at = START
        await library.conversation(
            "Bonjour à tous", "Bonjour", title="Discussion marketing", created_at=created_at
        )

        (row,) = await library.rows("marketing")

        assert row.title == "Discussion marketing"
        assert marked(row.title, row.title_highlights) == ["marketing"]
        assert (row.snippet, row.snippet_highlights) == ("Bonjour à tous", ())
        assert row.created_at == created_at
        assert row.message_id is not None
        assert row.more_matches == 0

    async def test_a_title_of_a_conversation_without_messages(self, library: Library) -> None:
        await library.conversation(title="Discussion marketing", created_at=START)

        (row,) = await library.rows("marketing")

        assert (row.snippet, row.message_id, row.created_at) == ("", None, START)

    async def test_the_title_is_shown_as_it_is(self, library: Library) -> None:
        await library.conversation("marketing", title="Les *args  en\tC# 🚀")

        (row,) = await library.rows("marketing")

        assert row.title == "Les *args  en\tC# 🚀"


class TestOrder:
    async def test_titles_above_messages(self, library: Library) -> None:
        by_title = await library.conversation("Bonjour", title="Le marketing")
        by_message = await library.conversation("marketing marketing marketing", title="Autre")

        assert await library.found("marketing") == [by_title, by_message]

    async def test_of_equals_the_most_recent_first(self, library: Library) -> None:
        older = await library.conversation("le marketing", created_at=START)
        newest = await library.conversation("le marketing", created_at=START + timedelta(days=2))
        newer = await library.conversation("le marketing", created_at=START + timedelta(days=1))

        assert await library.found("marketing") == [newest, newer, older]


class TestSnippet:
    async def test_markdown_and_newlines_are_flattened(self, library: Library) -> None:
        await library.conversation("# Le plan\n\n- **marketing** et `code`\n- [lien](http://x.y)")

        (row,) = await library.rows("marketing")

        assert row.snippet == "Le plan marketing et code lien (http://x.y)"
        assert marked(row.snippet, row.snippet_highlights) == ["marketing"]

    async def test_it_is_cut_at_words_around_the_match(self, library: Library) -> None:
        await library.conversation(
            f"{'Il était une fois. ' * 30}Un plan de marketing. {'La suite vient. ' * 30}"
        )

        (row,) = await library.rows("marketing")

        assert len(row.snippet) <= 160
        assert row.snippet.startswith("...")
        assert row.snippet.endswith("...")
        assert "Un plan de marketing." in row.snippet
        words = set(row.snippet.strip(".").replace(".", "").split())
        assert words.isdisjoint({"tait", "foi", "uite", "vien", "arketing"})
        assert "marketing" in words
        assert marked(row.snippet, row.snippet_highlights) == ["marketing"]

    async def test_the_densest_place_is_shown(self, library: Library) -> None:
        await library.conversation(
            f"marketing. {'Rien à voir ici. ' * 30}marketing digital. {'Ni là. ' * 30}digital"
        )

        (row,) = await library.rows("marketing digital")

        assert marked(row.snippet, row.snippet_highlights) == ["marketing", "digital"]

    async def test_highlights_count_code_points(self, library: Library) -> None:
        await library.conversation("🚀🚀 élève É stratégie")

        (row,) = await library.rows("strategie")

        assert row.snippet_highlights == ((11, 20),)

    async def test_a_typo_is_highlighted(self, library: Library) -> None:
        await library.conversation("Une stratégie de contenu")

        (row,) = await library.rows("stratgie")

        assert marked(row.snippet, row.snippet_highlights) == ["stratégie"]

    async def test_a_text_without_spaces_is_cut_too(self, library: Library) -> None:
        await library.conversation(f"{'あ' * 300}機械学習{'い' * 300}")

        (row,) = await library.rows("機械学習")

        assert len(row.snippet) <= 160
        assert marked(row.snippet, row.snippet_highlights) == ["機械学習"]


class TestOthers:
    async def test_another_users_text_and_count_stay_unseen(self, library: Library) -> None:
        await library.conversation("canari secret", title="canari", user_id=BOB)
        mine = await library.conversation("mon canari", user_id=ALICE)

        page = await library.page("canari", user_id=ALICE)

        assert [row.conversation_id for row in page.rows] == [mine]
        assert page.total == 1
        assert (await library.page("secret", user_id=ALICE)).total == 0

    async def test_a_user_without_anything(self, library: Library) -> None:
        await library.conversation("canari")

        assert (await library.page("canari", user_id=99)).rows == ()


class TestPages:
    async def test_every_row_once_and_the_total_on_each(self, library: Library) -> None:
        wanted = {await library.conversation(f"marketing {number}") for number in range(7)}

        pages = [await library.page("marketing", offset=offset, limit=3) for offset in (0, 3, 6, 9)]

        assert [len(page.rows) for page in pages] == [3, 3, 1, 0]
        assert {row.conversation_id for page in pages for row in page.rows} == wanted
        assert {page.total for page in pages} == {7}


class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (Filters(folder="Général"), "general"),
            (Filters(tag="Stratégie"), "tagged"),
            (Filters(favorite=True), "favorite"),
            (Filters(archived=True), "archived"),
            (Filters(folder='O"\\ R user_id = 2'), "quoted"),
        ],
    )
    async def test_of_conversations(
        self, library: Library, filters: Filters, expected: str
    ) -> None:
        made = {
            "general": await library.conversation("plan marketing", folder="Général"),
            "tagged": await library.conversation(
                "plan marketing", folder="A", tags=("marketing", "stratégie")
            ),
            "favorite": await library.conversation("plan marketing", folder="A", is_favorite=True),
            "archived": await library.conversation("plan marketing", folder="A", archived=True),
            "quoted": await library.conversation("plan marketing", folder='O"\\ R user_id = 2'),
        }
        await library.conversation("plan marketing", folder="Général", user_id=BOB)

        assert await library.found("marketing", filters=filters) == [made[expected]]

    async def test_no_conversation_lets_nothing_through(self, library: Library) -> None:
        await library.conversation("marketing", title="marketing")

        assert await library.found("marketing", filters=Filters(folder="Vide")) == []

    async def test_a_folder_of_however_many(self, library: Library) -> None:
        """The embedded engine asks for few one by one, for more than a hundred at once."""
        for number in range(101):
            await library.conversation("plan", folder="beaucoup")
            if number == 99:
                assert (await library.page("plan", filters=Filters(folder="beaucoup"))).total == 100
        await library.conversation("plan", folder="ailleurs")

        page = await library.page("plan", filters=Filters(folder="beaucoup"), limit=100)

        assert (page.total, len(page.rows)) == (101, 100)
        assert {row.title for row in page.rows} == {"Sans titre"}

    async def test_role_and_provider_are_of_messages(self, library: Library) -> None:
        conversation = await library.conversation("marketing ?", "Le marketing.", title="marketing")

        asked = await library.rows("marketing", filters=Filters(role="user"))
        answered = await library.rows("marketing", filters=Filters(provider="GPT-4"))

        assert [(row.conversation_id, row.snippet) for row in asked] == [
            (conversation, "marketing ?")
        ]
        assert [row.snippet for row in answered] == ["Le marketing."]
        assert await library.found("marketing", filters=Filters(provider="Claude")) == []

    async def test_dates_include_both_ends(self, library: Library) -> None:
        inside = await library.conversation("marketing", created_at=START)
        await library.conversation("marketing", created_at=START - timedelta(seconds=1))
        await library.conversation("marketing", created_at=START + timedelta(seconds=1))

        filters = Filters(created_from=START, created_to=START)

        assert await library.found("marketing", filters=filters) == [inside]
