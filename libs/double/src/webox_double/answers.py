"""What the double says: a function of the model's name and the question, so that tests know it."""

import zlib

from webox_double.demo import DEMO_MODELS, demo_answer

PIECE_CHARACTERS = 20
QUOTED_CHARACTERS = 200
TEN_MEGABYTES = 10_000_000
REFUSAL = "Je ne peux pas répondre à cela. 🚫"
THOUGHTS = ["On me demande ", "quelque chose ; ", "réfléchissons. 🤔"]
TOOL_NAME = "get_weather"
TOOL_ARGUMENTS = '{"city": "Orléans", "days": 3}'
_LARGE_PIECE = "0123456789" * 999 + "abcdefghi\n"


def answer_text(model: str, question: str) -> str:
    """The text that `model` sends in full for this last user message.

    Holds for every behaviour that ends well; the broken ones send a beginning of it.
    """
    return "".join(answer_pieces(model, question))


def answer_pieces(model: str, question: str) -> list[str]:
    """The same text in the pieces that are streamed as one chunk each."""
    behaviour = model.rpartition("+")[2].partition(":")[0]
    if behaviour in DEMO_MODELS:
        return demo_answer(behaviour, question)
    if behaviour == "10mb":
        return [_LARGE_PIECE] * (TEN_MEGABYTES // len(_LARGE_PIECE) + 1)
    if behaviour == "refusal":
        return _cut(REFUSAL)
    pieces = _cut(_plain_answer(model, question))
    if behaviour == "dup_chunk":
        # Chunks carry no number: a client cannot tell a repeated one from a model repeating itself.
        return [pieces[0], *pieces]
    if behaviour == "nul":
        # A NUL, a lone surrogate, and an emoji whose two halves come in different chunks.
        return [*pieces, "a\x00b", "c\ud800d", "\ud83d", "\ude00"]
    return pieces


def token_count(text: str) -> int:
    """How many tokens the double reports for a text: one for every four characters begun."""
    return -(-len(text) // 4)


def _plain_answer(model: str, question: str) -> str:
    number = zlib.crc32(question.encode("utf-8", "replace")) % 1000
    quoted = question[:QUOTED_CHARACTERS]
    return f"[{model}] Réponse n° {number} à « {quoted} » : 42 ✓ 日本語 😀 fin."


def _cut(text: str) -> list[str]:
    return [text[at : at + PIECE_CHARACTERS] for at in range(0, len(text), PIECE_CHARACTERS)]
