"""Several conversations in one ZIP, written as they are rendered, with an index."""

from collections.abc import Callable, Iterable
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from webox_exporter.documents.filenames import UniqueNames, file_stem
from webox_exporter.documents.formats import Format
from webox_exporter.documents.labels import title_of
from webox_exporter.documents.model import Conversation
from webox_exporter.documents.sanitize import plain_text
from webox_exporter.documents.words import Words

INDEX = "index.txt"

RenderOne = Callable[[Conversation, BinaryIO], None]


def write_archive(
    conversations: Iterable[Conversation],
    kind: Format,
    words: Words,
    render_one: RenderOne,
    out: BinaryIO,
) -> None:
    """Write a ZIP to `out`, which need not be seekable; `render_one` writes each document."""
    names = UniqueNames(INDEX)
    index = [words["index"], "=" * 72, ""]
    with ZipFile(out, "w") as archive:
        for conversation in conversations:
            name = names.claim(
                file_stem(conversation.title, f"conversation-{conversation.id}"), kind.name
            )
            with archive.open(_entry(name, conversation, kind), "w", force_zip64=True) as entry:
                render_one(conversation, entry)  # type: ignore[arg-type] # a binary stream all the same
            index += _index_lines(name, conversation, words)
        archive.writestr(INDEX, "\n".join(index).encode(), ZIP_DEFLATED)


def _entry(name: str, conversation: Conversation, kind: Format) -> ZipInfo:
    entry = ZipInfo(name, conversation.updated_at.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED if kind.deflates else ZIP_STORED
    entry.external_attr = 0o644 << 16
    return entry


def _index_lines(name: str, conversation: Conversation, words: Words) -> list[str]:
    title = plain_text(title_of(conversation, words))
    count = f"{words['messages']}{words.colon}{conversation.message_count}"
    return [name, f"    {title}", f"    {words.date(conversation.updated_at)} · {count}", ""]
