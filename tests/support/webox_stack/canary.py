"""A text of one user that no other may ever receive, and that no program may log."""

from webox_stack.providers import PROVIDER_KEY
from webox_stack.stack import Stack
from webox_stack.user import PASSWORD, User
from webox_stack.witness import CANARY

PROVIDER = "Mistral"


async def plant(user: User, *, finished: bool) -> int:
    """Say it, and have it answered, as this user; the conversation's id.

    If it need not be `finished`, its reply, events and indexing are under way now.
    """
    wait = {} if finished else {"wait": {"seconds": 0}}
    response = await user.http.post(
        "/api/chat/send",
        json={"message": f"{CANARY} {user.id}", "selected_providers": [PROVIDER], **wait},
    )
    assert response.status_code in {200, 202}, response.text
    conversation: int = response.json()["conversation_id"]
    return conversation


def check_received(user: User) -> None:
    """Nothing that this user was answered had it.

    Raises:
        AssertionError: Something did.
    """
    assert user.witness.foreign == [], "another's text was answered"


def check_logs(webox: Stack, tokens: list[str]) -> None:
    """Nothing written since the test began has it, or a secret.

    Raises:
        AssertionError: A program logged one.
    """
    for program, text in webox.logs.new().items():
        for secret in (CANARY, PROVIDER_KEY, PASSWORD, *tokens):
            assert secret not in text, f"{program} logged {secret[:12]}…"
