"""Ctrl-C in the middle of an answer, and starting again."""

from pathlib import Path

from webox_stack import DoubleProgram, eventually, registered, running_stack, signed_in
from webox_stack.user import PASSWORD

from webox_double import answer_text


async def test_leaves_no_process_and_loses_no_answer(
    webox_environment: dict[str, str], double: DoubleProgram, slow_model: str, tmp_path: Path
) -> None:
    with running_stack(tmp_path, webox_environment) as webox:
        async with registered(webox.url) as user:
            sent = await user.send(
                "Bonjour",
                expect=202,
                selected_providers=["GPT-4"],
                selected_models={"GPT-4": slow_model},
                wait={"seconds": 0},
            )

            async def asked() -> None:
                assert len(double.calls(slow_model)) == 1

            await eventually(asked)
        assert webox.end() == 0
        assert webox.processes() == []
        assert "Webox has stopped." in webox.logs.said()

    with running_stack(tmp_path, webox_environment) as webox:
        assert webox.admin_password is None, "an administrator is made only once"
        async with signed_in(webox.url, user.email, PASSWORD) as user:

            async def answered() -> None:
                now = await user.get(f"/api/chat/messages/{sent['message_id']}")
                assert now["ai_responses"] == {"GPT-4": answer_text(slow_model, "Bonjour")}

            await eventually(answered)
