import shutil
from collections.abc import Callable
from decimal import Decimal

import pytest

from webox_exporter.documents.model import Message

from .conftest import Box, Printed, answered, asked

Print = Callable[..., Printed]

pytestmark = pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not there")

MIDDLE = 595 / 2
PROVIDERS = ["GPT-4", "Claude", "Mistral", "Gemini"]


def answers(*texts: str, **more: object) -> list[Message]:
    """One answer for each text, all to the same question."""
    return [
        answered(text, provider, number, parent_id=1, **more)
        for number, (text, provider) in enumerate(zip(texts, PROVIDERS, strict=False), start=2)
    ]


def the(word: str, printed: Printed) -> Box:
    (found,) = (box for box in printed.boxes() if box.text == word)
    return found


class TestSideBySide:
    def test_two_answers_stand_beside_each_other(self, printed: Print) -> None:
        result = printed(asked("Question ?"), *answers("Gauche", "Droite"))
        left, right = the("Gauche", result), the("Droite", result)
        assert left.right < MIDDLE < right.left
        assert left.top == right.top

    def test_so_do_three(self, printed: Print) -> None:
        result = printed(asked("Question ?"), *answers("Un", "Deux", "Trois"))
        boxes = [the(word, result) for word in ("Un", "Deux", "Trois")]
        assert len({box.top for box in boxes}) == 1
        assert boxes[0].right < boxes[1].left < boxes[1].right < boxes[2].left

    def test_four_stand_below_each_other(self, printed: Print) -> None:
        result = printed(asked("Question ?"), *answers("Un", "Deux", "Trois", "Quatre"))
        boxes = [the(word, result) for word in ("Un", "Deux", "Trois", "Quatre")]
        assert len({box.left for box in boxes}) == 1
        assert boxes == sorted(boxes, key=lambda box: box.top)

    def test_each_says_model_time_tokens_and_cost(self, printed: Print) -> None:
        figures = {"total_ms": 1234, "input_tokens": 12, "output_tokens": 3450}
        said = printed(
            asked("?"), *answers("a", "b", **figures, cost=Decimal("0.0042")), language="en"
        ).text()
        assert said.count("gpt-4-turbo 1.2 s · 12 → 3450 tokens · $0.0042") == 2
        assert "1 answer · gpt-4-turbo · 3,462 tokens · $0.0042" in said

    def test_other_questions_answers_stay_with_them(self, printed: Print) -> None:
        later = [
            answered("Tiers", "GPT-4", 5, parent_id=4),
            answered("Quart", "Claude", 6, parent_id=4),
        ]
        result = printed(asked("?"), *answers("Un", "Deux"), asked("Et ?", 4), *later)
        assert the("Un", result).top == the("Deux", result).top
        assert the("Un", result).top < the("Et", result).top < the("Tiers", result).top
        assert the("Tiers", result).top == the("Quart", result).top


class TestWhatDoesNotFit:
    def test_columns_go_on_overleaf_under_their_names(self, printed: Print) -> None:
        long = " ".join(f"mot{n}" for n in range(900))
        result = printed(asked("?"), *answers(long, long + " fin"))
        said = result.text()
        assert said.count("GPT-4 (suite)") >= 1
        assert said.count("Claude (suite)") >= 1
        assert all(said.count(f"mot{n}") >= 2 for n in range(900))
        assert the("fin", result).left > MIDDLE

    @pytest.mark.parametrize(
        "block",
        [
            "```python\n" + "ligne = " + "x + " * 40 + "1\n```",
            "|" + "colonne|" * 9 + "\n|" + "-|" * 9 + "\n|" + "valeur|" * 9,
        ],
        ids=["code", "table"],
    )
    def test_wide_code_and_tables_take_the_whole_width(self, printed: Print, block: str) -> None:
        result = printed(asked("?"), *answers(f"Un\n\n{block}", "Deux"))
        assert the("Un", result).top < the("Deux", result).top
        assert the("Un", result).left == the("Deux", result).left

    def test_one_far_longer_than_the_other_leaves_no_empty_column(self, printed: Print) -> None:
        result = printed(asked("?"), *answers("Bref", "Long. " * 900))
        assert "(suite)" not in result.text()

    def test_narrow_code_and_tables_stay_in_their_column(self, printed: Print) -> None:
        block = "```python\nx = 1\n```\n\n|a|b|\n|-|-|\n|c|d|"
        result = printed(asked("?"), *answers(f"Un\n\n{block}", f"Deux\n\n{block}"))
        assert the("Un", result).top == the("Deux", result).top


class TestOverPages:
    def test_a_tables_head_stands_on_each_of_its_pages(self, printed: Print) -> None:
        rows = "\n".join(f"|ligne{n}|valeur|" for n in range(200))
        said = printed(answered(f"|Entête|Autre|\n|-|-|\n{rows}")).text()
        assert said.count("Entête Autre") == said.count("Page ")
        assert all(f"ligne{n} " in said for n in range(200))

    def test_a_row_taller_than_a_page_is_cut_between_lines(self, printed: Print) -> None:
        tall = " ".join(f"mot{n}" for n in range(2500))
        said = printed(answered(f"|a|b|\n|-|-|\n|{tall}|fin|")).text()
        assert said.count("Page ") > 1
        assert all(f"mot{n}" in said for n in range(2500))

    def test_300_lines_of_code(self, printed: Print) -> None:
        code = "\n".join(f"valeur_{n} = calcul({n})" for n in range(300))
        said = printed(answered(f"```python\n{code}\n```")).text()
        assert all(f"valeur_{n} = calcul({n})" in said for n in range(300))

    def test_a_heading_is_not_left_alone_at_a_pages_end(self, printed: Print) -> None:
        for lines in range(42, 49):
            filler = "\n".join(["ligne  "] * lines)
            boxes = printed(answered(f"{filler}\n\n## Titre\n\nDessous. " + "mot " * 60)).boxes()
            title = next(box for box in boxes if box.text == "Titre")
            below = next(box for box in boxes if box.text == "Dessous.")
            assert title.page == below.page
