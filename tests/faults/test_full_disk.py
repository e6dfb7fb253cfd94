"""F24: the disk is full where the exporter keeps its files."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from webox_stack import Stack, User, eventually
from webox_stack.operating import full_disk

pytestmark = pytest.mark.fault("F24")


async def test_the_export_says_so_and_works_again_once_there_is_room(
    webox: Stack, user: User, healthy: Callable[[], Awaitable[None]]
) -> None:
    sent = await user.send("Bonjour tulipe", selected_providers=["GPT-4"])
    order = {"format": "pdf", "conversation_ids": [sent["conversation_id"]]}

    async def ended(job: dict[str, Any]) -> dict[str, Any]:
        async def final() -> dict[str, Any]:
            now: dict[str, Any] = await user.get(f"/api/exports/{job['id']}")
            assert now["status"] not in {"queued", "running"}
            return now

        return await eventually(final)

    with full_disk(webox, "exporter-worker"):
        failed = await ended(await user.post("/api/exports", order, expect=202))
        assert (failed["status"], failed["error"]["code"]) == ("failed", "disk_full")
        assert failed["error"]["detail"] == "There is no room left for the file."
        gone = await user.get(f"/api/exports/{failed['id']}/download", expect=404)
        assert gone["detail"] == "This export has no file: it is failed."
        assert list(webox.home.exports.glob(f"{failed['id']}/*")) == []
        # Nobody else is any the worse for it.
        meanwhile = await user.send("Bonjour encore", selected_providers=["GPT-4"])
        assert list(meanwhile["ai_responses"]) == ["GPT-4"]
    done = await ended(await user.post("/api/exports", order, expect=202))
    assert done["status"] == "done"
    assert (await user.http.get(done["download_url"])).content.startswith(b"%PDF-")
    await healthy()
