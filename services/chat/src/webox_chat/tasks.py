"""The Celery door."""

from collections.abc import Callable

from celery import Celery

from webox_chat.replies.schemas import FAN_OUT


def register_tasks(app: Celery, begin: Callable[[int, int, bool], None]) -> None:
    """Register the provider worker's tasks on `app`."""

    @app.task(name=FAN_OUT)  # type: ignore[untyped-decorator] # Celery has no types
    def fan_out(message_id: int, user_id: int, watched: bool) -> None:
        begin(message_id, user_id, watched)
