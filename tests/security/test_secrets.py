"""Keys, tokens, passwords and what people write stay where they belong."""

from webox_stack import PROVIDER_KEY, Stack, User
from webox_stack.user import PASSWORD

CANARY = "canari-du-message-5d2e"


async def test_a_providers_key_is_never_answered(user: User) -> None:
    # This provider says the key it was given in its error.
    answer = await user.http.post(
        "/api/chat/send",
        json={
            "message": "Bonjour",
            "selected_providers": ["GPT-4", "Claude"],
            "selected_models": {"GPT-4": "401", "Claude": "401"},
        },
    )
    assert answer.status_code == 502
    assert PROVIDER_KEY not in answer.text
    assert PROVIDER_KEY not in (await user.http.get("/api/chat/providers")).text


async def test_nothing_secret_in_logs_and_events(webox: Stack, user: User, admin: User) -> None:
    token = await user.token_with("chat", "exports", "dashboard:read")
    # A title is made of how a message begins, and may be told; the rest may not.
    message = f"Une question ordinaire {'et longue ' * 30} {CANARY}"
    sent = await user.send(
        message,
        selected_providers=["GPT-4", "Claude"],
        selected_models={"GPT-4": "401"},
    )
    await user.get(f"/api/chat/search?q={CANARY}")
    await user.send(message, temperature=99, expect=400)
    export = f"/api/chat/conversations/{sent['conversation_id']}/export?format=txt"
    response = await user.http.get(export, headers={"Prefer": "wait=60"})
    assert CANARY in response.text

    assert webox.admin_password is not None
    secrets = (PROVIDER_KEY, PASSWORD, user.token, admin.token, token, webox.admin_password, CANARY)
    logs = webox.logs.whole()
    with webox.redis() as redis:
        events = "".join(
            str(redis.xrange(name)) for name in redis.scan_iter() if redis.type(name) == b"stream"
        )
    metrics = (await admin.http.get("/metrics")).text
    for secret in secrets:
        assert secret not in logs
        assert secret not in events
        assert secret not in metrics
    assert "chat.message_sent" in events
