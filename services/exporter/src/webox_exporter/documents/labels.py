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
    parts = [message.model or "", words.date(message.moment), *marks_of(message, words)]
    return " · ".join(part for part in parts if part)


def marks_of(message: Message, words: Words) -> list[str]:
    """What its reader must know of an answer: that it was cut, by whom it is, or only a demo."""
    marks = [
        words["cancelled"] if message.status == "cancelled" else "",
        words["truncated"] if message.truncated else "",
        _stand_in(message, words),
        words["demo"] if message.demo else "",
    ]
    return [mark for mark in marks if mark]


def figures_of(message: Message, words: Words) -> list[str]:
    """What an answer took, as far as it is known: time, tokens in and out, and cost."""
    figures = []
    if message.total_ms is not None:
        figures.append(words.seconds(message.total_ms))
    if message.input_tokens is not None and message.output_tokens is not None:
        count = f"{message.input_tokens} \N{RIGHTWARDS ARROW} {message.output_tokens}"
        figures.append(f"{count} {words['tokens']}")
    if message.cost is not None:
        figures.append(words.dollars(message.cost))
    return figures


def _stand_in(message: Message, words: Words) -> str:
    """Who answered in the provider's place."""
    if message.fallback is None:
        return ""
    provider, model = message.fallback.get("provider", ""), message.fallback.get("model", "")
    return f"{words['answered by']} {provider} {model}".rstrip()
