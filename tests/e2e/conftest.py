import pytest
from webox_stack import User

QUESTION = "Comment améliorer ma stratégie marketing ?"


@pytest.fixture
async def conversation(user: User) -> int:
    """The id of a conversation of `user`, with one answer by GPT-4."""
    answer = await user.send(QUESTION, selected_providers=["GPT-4"])
    conversation_id: int = answer["conversation_id"]
    return conversation_id
