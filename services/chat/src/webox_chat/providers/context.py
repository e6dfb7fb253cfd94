"""Leaving out the oldest turns of a conversation that is longer than the model's window.

Nobody's tokenizer is here: each provider has its own, and most publish none. A token is taken to
be three bytes of UTF-8. English has about four (https://help.openai.com/en/articles/4936856), so
that what is estimated is more than what is counted; Chinese and Japanese have three a character,
about a token. Code and figures may come to more: the room left for the answer takes that.
"""

from webox_chat.providers.base import ChatTurn, ProviderRequest

BYTES_OF_A_TOKEN = 3
# https://github.com/openai/openai-cookbook, "How to count tokens with tiktoken": three or four.
TOKENS_OF_A_TURN = 4
MOST_BYTES_OF_A_CHARACTER = 4
USUAL_ANSWER_TOKENS = 4096


def estimated_tokens(text: str) -> int:
    """Rather too many than too few."""
    return -(-len(text.encode(errors="replace")) // BYTES_OF_A_TOKEN)


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
    turns = len(request.turns) + 1
    return characters * MOST_BYTES_OF_A_CHARACTER // BYTES_OF_A_TOKEN + turns * (
        TOKENS_OF_A_TURN + 1
    )
