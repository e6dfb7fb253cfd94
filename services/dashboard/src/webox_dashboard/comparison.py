"""What the read models say, in words that can be compared: from rows, and from the tables."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from webox_dashboard.projection.rows import ProductRow, Rows, StorageRow
from webox_kit.verification import Difference, differences, digest

Key = tuple[str, ...]
Said = dict[Key, str]


class Project(NamedTuple):
    """A website or funnel, with the marks that decide between what events say."""

    name: str | None
    name_mark: str
    seen_mark: str
    published_mark: str
    deleted_mark: str


@dataclass
class Summary:
    """Everybody's, each thing once: by user and id, what is said of it, without its texts."""

    conversations: Said = field(default_factory=dict)
    generations: Said = field(default_factory=dict)
    projects: Said = field(default_factory=dict)
    storage: Said = field(default_factory=dict)
    counts: Said = field(default_factory=dict)

    def compared_with(self, model: "Summary") -> list[Difference]:
        return [
            *differences("conversation", self.conversations, model.conversations),
            *differences("generation", self.generations, model.generations),
            *differences("project", self.projects, model.projects),
            *differences("storage", self.storage, model.storage),
            *differences("generation count", self.counts, model.counts),
        ]


class Expected:
    """Gathers rows in any order into what the tables should then say."""

    def __init__(self) -> None:
        self._summary = Summary()
        self._projects: dict[Key, Project] = {}
        self._storage: dict[Key, StorageRow] = {}

    def add(self, rows: Rows) -> None:
        for conversation in rows.conversations:
            key = keyed(conversation["user_id"], conversation["conversation_id"])
            self._summary.conversations[key] = said_of_conversation(
                conversation["title"] or "", archived=bool(conversation["archived"])
            )
        for generation in rows.generations:
            key = keyed(generation["user_id"], generation["origin"])
            self._summary.generations[key] = "counted"
        for product in rows.products:
            key = keyed(product["user_id"], product["type"], product["subject"])
            self._projects[key] = _merged(self._projects.get(key, _NOTHING), product)
        for stored in rows.storage:
            key = keyed(stored["user_id"], stored["type"], stored["subject"])
            known = self._storage.get(key)
            if known is None or stored["mark"] > known["mark"]:
                self._storage[key] = stored

    def summary(self, *, without_users: set[int]) -> Summary:
        """Of everybody but users known to be deleted, whose replies stay in chat's ledger."""
        gone = {str(user_id) for user_id in without_users}
        summary = self._summary
        summary.projects = {
            key: said_of_project(key[2], each.name, published=_is_published(each))
            for key, each in self._projects.items()
            if each.seen_mark > each.deleted_mark
        }
        summary.storage = {
            key: said_of_storage(each["size_bytes"])
            for key, each in self._storage.items()
            if each["size_bytes"]
        }
        for said in (summary.conversations, summary.generations, summary.projects, summary.storage):
            for key in [key for key in said if key[0] in gone]:
                del said[key]
        summary.counts = counted(summary.generations)
        return summary


def keyed(user_id: int, *parts: object) -> Key:
    return (str(user_id), *map(str, parts))


def counted(generations: Iterable[Key]) -> Said:
    numbers = Counter(key[0] for key in generations)
    return {(user_id,): str(number) for user_id, number in numbers.items()}


def said_of_conversation(title: str, *, archived: bool) -> str:
    return f"{'archived' if archived else 'active'}, title {digest(title)}"


def said_of_project(subject: str, name: str | None, *, published: bool) -> str:
    status = "published" if published else "draft"
    return f"{status}, name {digest(subject if name is None else name)}"


def said_of_storage(size_bytes: int) -> str:
    return f"{size_bytes} bytes"


_NOTHING = Project(None, "", "", "", "")


def _merged(known: Project, said: ProductRow) -> Project:
    renamed = (said["name_mark"] or "") > known.name_mark
    return Project(
        said["name"] if renamed else known.name,
        *(max(getattr(known, mark), _text(said, mark)) for mark in Project._fields[1:]),
    )


def _text(said: Any, mark: str) -> str:
    return said[mark] or ""


def _is_published(project: Project) -> bool:
    return project.published_mark > project.deleted_mark
