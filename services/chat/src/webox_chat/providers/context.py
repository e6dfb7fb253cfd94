"""Leaving out the oldest turns of a conversation that is longer than the model's window.

Nobody's tokenizer is here: each provider has its own, and most publish none. A token is taken to
be three ASCII characters or two other bytes of UTF-8. English has about four characters a token
(https://help.openai.com/en/articles/4936856). Measured with the one tokenizer that Anthropic has
published (in its SDK 0.38), the estimate is 1.0 to 1.4 times what is counted for English, French,
Markdown and Python, 0.9 to 1.4 times for other scripts, and 0.5 to 0.8 times for figures, dense
JSON and emoji, which the room left for the answer has to take.
"""

import math

from webox_chat.providers.base import ChatTurn, ProviderRequest

ASCII_OF_A_TOKEN = 3
OTHER_BYTES_OF_A_TOKEN = 2
# https://github.com/openai/openai-cookbook, "How to count tokens with tiktoken": three or four.
TOKENS_OF_A_TURN = 4
MOST_TOKENS_OF_A_CHARACTER = 2
USUAL_ANSWER_TOKENS = 4096


def estimated_tokens(text: str) -> int:
    """Rather too many than too few."""
    ascii_characters = len(text.encode("ascii", "ignore"))
    others = len(text.encode(errors="replace")) - ascii_characters
    return math.ceil(ascii_characters / ASCII_OF_A_TOKEN + others / OTHER_BYTES_OF_A_TOKEN)


def turns_within(request: ProviderRequest, window: int) -> tuple[ChatTurn, ...]:
    """The latest turns of the request that leave the answer its room in `window` tokens.

    What is kept begins with a user's turn, as the Anthropic protocol wants it. The system prompt
    and the last turn are kept in any case, even where they alone are too long.
    """
    left = window - _room_for_the_answer(request, window)
    if _at_most(request) <= left:
        return request.turns
    left -= estimated_tokens(request.system or "")
    first = len(request.turns) - 1
    for position in range(first, -1, -1):
        turn = request.turns[position]
        left -= estimated_tokens(turn.content) + TOKENS_OF_A_TURN
        if left < 0:
            break
        if turn.role == "user":
            first = position
    return request.turns[first:]


def _room_for_the_answer(request: ProviderRequest, window: int) -> int:
    """What was asked for, but never more than half of the window."""
    usual = min(USUAL_ANSWER_TOKENS, window // 4)
    return min(request.max_tokens or usual, window // 2)


def _at_most(request: ProviderRequest) -> int:
    """More than the estimate can be, without looking at the texts: nearly always enough."""
    characters = sum(len(turn.content) for turn in request.turns) + len(request.system or "")
    return characters * MOST_TOKENS_OF_A_CHARACTER + len(request.turns) * TOKENS_OF_A_TURN
