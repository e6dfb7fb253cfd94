"""What a user without any key reads."""

import time

import aiohttp
import pytest

from webox_double import Double, answer_text
from webox_double.demo import language_of


@pytest.mark.parametrize("model", ["demo-a", "demo-b"])
@pytest.mark.parametrize(
    ("question", "word"),
    [("Comment écrire un sonnet ?", "démonstration"), ("How do I bake bread?", "demonstration")],
)
def test_says_in_the_questions_language_that_it_is_a_demo(
    model: str, question: str, word: str
) -> None:
    answer = answer_text(model, question)
    assert word in answer
    assert question in answer
    assert "docs/providers.md" in answer


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Bonjour", "fr"),
        ("Hello", "en"),
        ("What is the capital of France?", "en"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("café", "fr"),
        ("", "fr"),
        ("日本語", "fr"),
        ("THANKS FOR THAT", "en"),
    ],
)
def test_language(question: str, language: str) -> None:
    assert language_of(question) == language


def test_a_long_question_of_many_lines_is_quoted_as_one_short_line() -> None:
    answer = answer_text("demo-a", "ligne\n# titre\n" * 1000)
    [quote] = [line for line in answer.splitlines() if line.startswith("> ")]
    assert quote.endswith("…")
    assert len(quote) < 310
    assert "# titre" not in answer.splitlines()


async def test_streams_word_by_word_within_a_second(
    double: Double, client: aiohttp.ClientSession
) -> None:
    body = {
        "model": "demo-a",
        "messages": [{"role": "user", "content": "Bonjour"}],
        "stream": True,
    }
    began = time.perf_counter()
    reads = 0
    async with client.post(f"{double.url}/v1/chat/completions", json=body) as response:
        async for _ in response.content.iter_any():
            reads += 1
    assert reads > 20
    assert time.perf_counter() - began < 1
