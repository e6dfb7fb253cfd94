"""What is found, on both engines."""

import os

import pytest
from search_support.library import Library


class TestWords:
    async def test_a_word_of_a_message(self, library: Library) -> None:
        wanted = await library.conversation("Comment améliorer ma stratégie marketing digital ?")
        await library.conversation("Une recette de cuisine")

        assert await library.found("marketing") == [wanted]

    async def test_a_word_of_a_title(self, library: Library) -> None:
        wanted = await library.conversation("Bonjour", title="Discussion marketing")

        assert await library.found("marketing") == [wanted]

    async def test_every_word_has_to_be_there(self, library: Library) -> None:
        both = await library.conversation("marketing digital")
        await library.conversation("marketing de rue")

        assert await library.found("digital marketing") == [both]

    async def test_the_last_word_may_be_unfinished(self, library: Library) -> None:
        wanted = await library.conversation("Une stratégie de contenu")

        assert await library.found("contenu strat") == [wanted]

    async def test_the_first_word_may_not(self, library: Library) -> None:
        await library.conversation("Une stratégie de contenu")

        assert await library.found("strat contenu") == []

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("Éléphant À la MAISON", "elephant maison"),
            ("un elephant", "Éléphant"),
            ("Der Preis in der STRASSE", "straße"),
            ("un cœur d'enfant", "coeur"),
            ("\uff26\uff35\uff2c\uff2c \uff57\uff49\uff44\uff54\uff48", "full width"),
            ("Ελληνική γλώσσα", "ΓΛΩΣΣΑ"),
            ("Ещё одна ёлка", "елка"),
            ("مَرْحَبًا بالعالم", "مرحبا"),
            ("שָׁלוֹם עולם", "שלום"),
            ("नमस्ते दुनिया", "दुनिया"),
        ],
    )
    async def test_case_accents_width_and_ligatures_make_no_difference(
        self, library: Library, text: str, query: str
    ) -> None:
        wanted = await library.conversation(text)

        assert await library.found(query) == [wanted]

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("機械学習について教えてください", "学習"),
            ("プログラミング言語", "プログラミング"),
            ("人工智能的未来", "人工智能"),
            ("한국어를 배우고 싶어요", "한국어"),
        ],
    )
    async def test_scripts_without_spaces(self, library: Library, text: str, query: str) -> None:
        wanted = await library.conversation(text)
        await library.conversation("Nothing of the kind")

        assert await library.found(query) == [wanted]

    async def test_characters_of_a_word_have_to_stand_together(self, library: Library) -> None:
        await library.conversation("学校で練習する")

        assert await library.found("学習") == []

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("call my_snake_case() now", "snake_case"),
            ("write to jane.doe@example.org please", "jane.doe@example.org"),
            ("the answer is 3.14159 exactly", "3.14159"),
            ("L'étudiant travaille", "étudiant"),
            ("un étudiant travaille", "l'étudiant"),
        ],
    )
    async def test_compounds(self, library: Library, text: str, query: str) -> None:
        wanted = await library.conversation(text)

        assert await library.found(query) == [wanted]


class TestTypos:
    @pytest.mark.parametrize(
        "misspelt", ["marketin", "markteing", "marketting", "narketing", "stratgie", "startégie"]
    )
    async def test_one_is_forgiven_from_five_letters(self, library: Library, misspelt: str) -> None:
        wanted = await library.conversation("Une stratégie marketing")

        assert await library.found(misspelt) == [wanted]

    async def test_two_are_forgiven_from_nine_letters(self, library: Library) -> None:
        wanted = await library.conversation("Une communication efficace")

        assert await library.found("comunicatoin") == [wanted]

    async def test_none_is_forgiven_under_five_letters(self, library: Library) -> None:
        await library.conversation("Le chat dort")

        assert await library.found("chot") == []

    async def test_exact_matches_come_first(self, library: Library) -> None:
        misspelt = await library.conversation("Une poissonerie")
        exact = await library.conversation("Une poissonnerie")
        # The older one is exact this time: recency is not what decides.
        assert await library.found("poissonnerie") == [exact, misspelt]
        assert await library.found("poissonerie") == [misspelt, exact]

    async def test_none_is_forgiven_in_quotes(self, library: Library) -> None:
        await library.conversation("Une stratégie marketing")

        assert await library.found('"stratgie marketing"') == []


class TestQuotesAndMinus:
    async def test_quoted_words_stand_side_by_side(self, library: Library) -> None:
        wanted = await library.conversation("une stratégie de contenu")
        await library.conversation("un contenu, de stratégie")

        assert await library.found('"stratégie de contenu"') == [wanted]

    async def test_a_quoted_word_is_whole(self, library: Library) -> None:
        await library.conversation("une stratégie")

        assert await library.found('"strat"') == []

    async def test_minus_leaves_out(self, library: Library) -> None:
        wanted = await library.conversation("marketing de rue")
        await library.conversation("marketing digital")

        assert await library.found("marketing -digital") == [wanted]

    async def test_minus_leaves_out_a_phrase(self, library: Library) -> None:
        wanted = await library.conversation("marketing digital")
        await library.conversation("digital marketing")

        assert await library.found('marketing -"digital marketing"') == [wanted]

    async def test_only_minus_words_find_nothing(self, library: Library) -> None:
        await library.conversation("marketing digital")

        assert await library.found("-cuisine") == []


def test_meilisearch_is_had() -> None:
    """Says loudly when this suite ran on the embedded engine only."""
    if "WEBOX_TEST_MEILISEARCH_URL" not in os.environ:
        pytest.skip("set WEBOX_TEST_MEILISEARCH_URL: the suite did NOT run on Meilisearch")


class TestOddQueries:
    @pytest.mark.parametrize(
        "query",
        [
            "AND",
            "*",
            "user_id:1",
            "user_id = 1 OR user_id = 2",
            "~",
            '"',
            '""',
            '"unbalanced',
            "(",
            "[1 TO 2]",
            "text:secret",
            "-",
            "+",
            "\\",
            "/.*/",
            "^2",
            "?",
            "¿!…",
            "🚀",
            " ",
            "\x00",
            "\ufffd",
            "x" * 512,
            "a " * 256,
            '"a" ' * 128,
            "学" * 512,
            "-" * 512,
            "abcdefghi " * 51,
        ],
    )
    async def test_find_nothing_of_others_and_break_nothing(
        self, library: Library, query: str
    ) -> None:
        await library.conversation("secret AND user id 1 2 text", user_id=2)

        assert (await library.page(query)).total == 0

    async def test_operators_are_words(self, library: Library) -> None:
        wanted = await library.conversation("Tom and Jerry")
        await library.conversation("Tom")

        assert await library.found("tom AND jerry") == [wanted]

    async def test_a_star_is_no_wildcard(self, library: Library) -> None:
        await library.conversation("stratégie")

        assert await library.found("str*ie") == []

    async def test_unbalanced_quotes_are_text(self, library: Library) -> None:
        wanted = await library.conversation("digital, then marketing")

        assert await library.found('"marketing digital') == [wanted]

    async def test_a_message_of_200_000_characters(self, library: Library) -> None:
        wanted = await library.conversation("a" * 199_990 + " marketing")
        spaced = await library.conversation("mot " * 49_990 + "marketing")

        rows = await library.rows("marketing")

        assert {row.conversation_id for row in rows} == {wanted, spaced}
        assert all(len(row.snippet) <= 160 for row in rows)
