"""A message and its replies as send answers them."""

from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from webox_chat.messages.schemas import ReplyDetail, ReplyState, SendAnswer
from webox_chat.messages.stored import StoredMessage
from webox_chat.replies.schemas import StoredReply

_STATUS_OF_ERROR = {
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "unauthorized": HTTPStatus.BAD_GATEWAY,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "bad_response": HTTPStatus.BAD_GATEWAY,
    "circuit_open": HTTPStatus.SERVICE_UNAVAILABLE,
    "cut": HTTPStatus.BAD_GATEWAY,
}


def send_answer(message: StoredMessage, replies: Sequence[StoredReply]) -> SendAnswer:
    return SendAnswer(
        conversation_id=message.conversation_id,
        message_id=message.id,
        user_message=message.content,
        ai_responses={each.provider: each.content for each in replies if each.status == "done"},
        response_time=_response_time(message, replies),
        created_at=message.created_at,
        errors={each.provider: problem_of(each) for each in replies if each.status == "failed"},
        replies={each.provider: state_of(each) for each in replies},
    )


def state_of(reply: StoredReply) -> ReplyState:
    return ReplyState(
        id=reply.id,
        model=reply.model,
        status=reply.status,
        attempt=reply.attempt,
        finish_reason=reply.finish_reason,
        truncated=reply.truncated,
        context_cut=reply.context_cut,
        reasoning=reply.reasoning or None,
        fallback=reply.fallback,
        time_to_first_token_ms=reply.time_to_first_token_ms,
        total_ms=reply.total_ms,
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
        cost=plain_decimal(reply.cost),
        demo=reply.demo,
    )


def reply_detail(reply: StoredReply) -> ReplyDetail:
    return ReplyDetail(
        **state_of(reply).model_dump(),
        provider=reply.provider,
        content=reply.content,
        error=problem_of(reply) if reply.status == "failed" else None,
        superseded_by=reply.superseded_by,
        created_at=reply.created_at,
        finished_at=reply.finished_at,
    )


def plain_decimal(value: Decimal | None) -> str | None:
    """A decimal without exponent or trailing zeros."""
    return None if value is None else f"{value.normalize():f}"


def problem_of(reply: StoredReply) -> dict[str, Any]:
    error = reply.error or {}
    code = error.get("code", "unavailable")
    return {
        "type": "about:blank",
        "title": f"{reply.provider} failed",
        "status": int(_STATUS_OF_ERROR.get(code, HTTPStatus.BAD_GATEWAY)),
        "detail": error.get("detail", "The provider did not answer."),
        "code": code,
    }


def _response_time(message: StoredMessage, replies: Sequence[StoredReply]) -> int:
    finished = [each.finished_at for each in replies if each.finished_at is not None]
    if len(finished) < len(replies) or not finished:
        return message.age_ms
    return round((max(finished) - message.created_at).total_seconds() * 1000)
