"""Decisions about folders and tags in all of a user's conversations."""

from collections import Counter
from collections.abc import Callable, Sequence

from webox_chat.conversations.repository import with_tag
from webox_chat.conversations.schemas import StoredConversation
from webox_chat.conversations.service import updated_event
from webox_chat.labels.repository import LabelRepository, SpelledTag, Which, in_folder
from webox_chat.labels.schemas import Label
from webox_chat.limits import DEFAULT_FOLDER
from webox_kit.database import Database
from webox_kit.errors import ConflictError, NotFoundError
from webox_kit.outbox import publish

_CHANGED_AT_ONCE = 200
"""More take less time in all, and hold up everybody else's requests longer at a time."""

Change = Callable[[StoredConversation], StoredConversation]


class LabelService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def folders(self, user_id: int) -> list[Label]:
        """By name, the default one always among them."""
        async with self._database.transaction() as session:
            counts = await LabelRepository(session).folder_counts(user_id)
        counts.setdefault(DEFAULT_FOLDER, 0)
        return _by_name(counts)

    async def tags(self, user_id: int) -> list[Label]:
        """By name, those that differ in case only as one."""
        async with self._database.transaction() as session:
            spelled = await LabelRepository(session).tag_counts(user_id)
        return _by_name(_merged(spelled))

    async def rename_folder(self, user_id: int, name: str, new: str) -> None:
        """Move what is in a folder to another, which may be there already.

        Raises:
            ConflictError: it is the default folder.
            NotFoundError: nothing is in it.
        """
        if name == DEFAULT_FOLDER:
            raise ConflictError(f"The folder {DEFAULT_FOLDER} can neither be renamed nor removed.")
        changed = await self._everywhere(
            user_id,
            in_folder(name),
            lambda found: found.model_copy(update={"folder": new}),
        )
        if not changed:
            raise NotFoundError(f"There is no folder {name!r}.")

    async def remove_folder(self, user_id: int, name: str) -> None:
        await self.rename_folder(user_id, name, DEFAULT_FOLDER)

    async def rename_tag(self, user_id: int, name: str, new: str) -> None:
        """Raises NotFoundError when no conversation has the tag."""
        await self._replace_tag(user_id, name, [new])

    async def remove_tag(self, user_id: int, name: str) -> None:
        await self._replace_tag(user_id, name, [])

    async def _replace_tag(self, user_id: int, name: str, instead: list[str]) -> None:
        replaced = {each.casefold() for each in [name.strip(), *instead]}

        def replace(found: StoredConversation) -> StoredConversation:
            kept = [each for each in found.tags if each.casefold() not in replaced]
            tags = sorted([*kept, *instead], key=str.casefold)
            return found.model_copy(update={"tags": tags})

        if not await self._everywhere(user_id, with_tag(name), replace):
            raise NotFoundError(f"There is no tag {name!r}.")

    async def _everywhere(self, user_id: int, which: Which, change: Change) -> bool:
        """Change each conversation that is so, with its event; False when none is.

        Some at a time, so that no row is locked for long. What an interruption
        leaves unchanged is still so, and a repetition finds it.
        """
        async with self._database.transaction() as session:
            ids = await LabelRepository(session).ids(user_id, which)
        for start in range(0, len(ids), _CHANGED_AT_ONCE):
            batch = ids[start : start + _CHANGED_AT_ONCE]
            await self._change(user_id, batch, which, change)
        return bool(ids)

    async def _change(self, user_id: int, ids: Sequence[int], which: Which, change: Change) -> None:
        async with self._database.transaction() as session:
            labels = LabelRepository(session)
            found = await labels.lock(user_id, ids, which)
            changed = [
                new.model_copy(update={"version": new.version + 1})
                for old in found
                if (new := change(old)) != old
            ]
            await labels.save(changed)
            await publish(session, *map(updated_event, changed), source="chat")


def _by_name(counts: dict[str, int]) -> list[Label]:
    names = sorted(counts, key=lambda name: (name.casefold(), name))
    return [Label(name=name, count=counts[name]) for name in names]


def _merged(spelled: list[SpelledTag]) -> dict[str, int]:
    """Counts by tag, in the spelling that is used most; the older one when two are."""
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for each in sorted(spelled, key=lambda each: (-each.conversations, each.first_id)):
        name = names.setdefault(each.name.casefold(), each.name)
        counts[name] += each.conversations
    return counts
