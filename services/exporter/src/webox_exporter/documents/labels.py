"""The lines about a conversation and about each message, the same in every format."""

from webox_exporter.documents.model import Conversation, Message
from webox_exporter.documents.words import Words


def title_of(conversation: Conversation, words: Words) -> str:
    """The title on one line, never empty."""
    return " ".join(conversation.title.split()) or words["untitled"]


def facts_of(conversation: Conversation, words: Words) -> list[tuple[str, str]]:
    """What stands under the title: pairs of a label and its value."""
    facts = [(words["folder"], conversation.folder)]
    if conversation.tags:
        facts.append((words["tags"], ", ".join(conversation.tags)))
    if conversation.is_favorite:
        facts.append((words["favorite"], words["yes"]))
    return [
        *facts,
        (words["created"], words.date(conversation.created_at)),
        (words["updated"], words.date(conversation.updated_at)),
        (words["messages"], str(conversation.message_count)),
    ]


def speaker_of(message: Message, words: Words) -> str:
    """Who speaks: the user, or the provider by its name."""
    if message.role == "user":
        return words["you"]
    if message.role == "system":
        return words["system"]
    return message.provider or words["assistant"]


def details_of(message: Message, words: Words) -> str:
    """What stands beside the speaker: model, date, and whether it was cut or only a demo."""
    parts = [
        message.model or "",
        words.date(message.moment),
        words["cancelled"] if message.status == "cancelled" else "",
        words["demo"] if message.demo else "",
    ]
    return " · ".join(part for part in parts if part)
