"""Every process dies at once, PostgreSQL, Redis and the supervisor too, as without power."""

from dataclasses import replace
from pathlib import Path

from webox_stack import Checker, DoubleProgram, eventually, registered, running_stack, signed_in
from webox_stack.user import PASSWORD

MESSAGES = 8
FINAL_SECONDS = 60


async def test_the_next_start_ends_every_reply_and_every_export(
    webox_environment: dict[str, str], double: DoubleProgram, slow_model: str, tmp_path: Path
) -> None:
    with running_stack(tmp_path, webox_environment) as webox:
        async with registered(webox.url) as user:
            for number in range(MESSAGES):
                sent = await user.send(
                    f"Question {number}",
                    expect=202,
                    selected_providers=["GPT-4", "Claude"],
                    selected_models={"GPT-4": slow_model},
                    wait={"seconds": 0},
                )
            order = {"format": "pdf", "conversation_ids": [sent["conversation_id"]]}
            job = await user.post("/api/exports", order, expect=202)

            async def under_way() -> None:
                assert any(call["outcome"] == "running" for call in double.calls(slow_model))

            await eventually(under_way)
            webox.kill_everything()

    with running_stack(tmp_path, webox_environment) as webox:
        checker = Checker(webox)
        async with signed_in(webox.url, user.email, PASSWORD) as again:

            async def exported() -> None:
                now = await again.get(f"/api/exports/{job['id']}")
                assert now["status"] == "done"

            await eventually(exported, FINAL_SECONDS)
            await checker.check([replace(again, witness=user.witness)])
        assert len(user.witness.acknowledged) == MESSAGES
