"""The Celery door of the document worker."""

from collections.abc import Callable
from typing import Protocol

from celery import Celery

RENDER = "exporter.render"


class DoesJobs(Protocol):
    def do_next(self) -> bool: ...


def register_tasks(app: Celery, worker: Callable[[], DoesJobs], time_limit: int) -> None:
    """Register the document worker's tasks on `app`; a job longer than `time_limit` is killed."""

    @app.task(name=RENDER, time_limit=time_limit)  # type: ignore[untyped-decorator] # Celery has no types
    def render(export_id: str) -> None:  # noqa: ARG001 - says why we wake; SQL says whose turn it is
        worker().do_next()
