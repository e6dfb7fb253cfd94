"""The checker itself: what it would say of a Webox that broke its promises."""

import pytest
from webox_stack import Checker, Stack, User

from webox_local.servers import Servers


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (
            "UPDATE reply SET content = content || '!' WHERE user_id = {user}",
            "UPDATE reply SET content = left(content, -1) WHERE user_id = {user}",
        ),
        (
            "UPDATE conversation SET message_count = 9 WHERE user_id = {user}",
            "UPDATE conversation SET message_count = 2 WHERE user_id = {user}",
        ),
        (
            "UPDATE message SET user_id = 0 WHERE user_id = {user}",
            "UPDATE message SET user_id = {user} WHERE user_id = 0",
        ),
        (
            "UPDATE usage_ledger SET user_id = 0 WHERE user_id = {user}",
            "UPDATE usage_ledger SET user_id = {user} WHERE user_id = 0",
        ),
    ],
)
async def test_it_notices_what_is_stored_wrongly(
    webox: Stack, user: User, broken: str, mended: str
) -> None:
    checker = Checker(webox)
    await user.send("Bonjour", selected_providers=["GPT-4"])
    await checker.check([user])
    with Servers.of(webox.home.folder).postgres.connect("webox_chat") as chat:
        chat.execute(broken.format(user=user.id))
        try:
            with pytest.raises(AssertionError):
                await checker.check([user])
        finally:
            chat.execute(mended.format(user=user.id))
    await checker.check([user])


async def test_it_notices_what_users_were_told_and_is_not_so(webox: Stack, user: User) -> None:
    checker = Checker(webox)
    sent = await user.send("Bonjour", selected_providers=["GPT-4"])
    user.witness.acknowledged[sent["message_id"] + 1000] = sent["conversation_id"]
    with pytest.raises(AssertionError, match="an acknowledged message is gone"):
        await checker.check([user])
    user.witness.acknowledged.clear()
    with pytest.raises(AssertionError, match="stored twice"):
        await checker.check([user])
