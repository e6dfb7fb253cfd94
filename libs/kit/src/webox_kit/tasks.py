"""Celery as Webox uses it: tasks are hints, their only arguments ids, the truth is in SQL."""

import asyncio
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from celery import Celery
from kombu.exceptions import OperationalError

from webox_kit.logs import get_logger

log = get_logger(__name__)

_HARD_LIMIT_SECONDS = 900
# Once more at once, for a connection that a restart of Redis has left dead; no waiting.
_ONE_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
# A request waits no longer for a frozen Redis; the thread gives up by itself a little later.
_SEND_SECONDS = 1.0


def create_celery(service: str, broker_url: str) -> Celery:
    """A Celery app whose one queue is the service's name.

    Late acknowledgement and `reject_on_worker_lost` give a killed worker's task back; restoring
    every 5 s, unthrottled, keeps that under 10 s where the defaults take 100.
    """
    app = Celery(service, broker=_with_user_info(broker_url), set_as_current=False)
    app.conf.update(
        task_default_queue=service,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_soft_shutdown_timeout=20,
        worker_enable_soft_shutdown_on_idle=False,
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=4,
        broker_transport_options={
            "visibility_timeout": 2 * _HARD_LIMIT_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
            "global_keyprefix": "webox:celery:",
        },
        task_publish_retry_policy=_ONE_RETRY,
    )
    return app


def _with_user_info(broker_url: str) -> str:
    """Kombu reads a socket's password from the user info only, redis-py from the query as well."""
    url = urlsplit(broker_url)
    query = dict(parse_qsl(url.query))
    password = query.pop("password", None)
    if password is None:
        return broker_url
    return url._replace(netloc=f":{quote(password, safe='')}@", query=urlencode(query)).geturl()


class TaskQueue:
    """Sends tasks from async code. Publishing blocks for a millisecond or two, so in a thread."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def send(self, task: str, *ids: object) -> bool:
        """Hint that there is work; False if Redis did not take it (a reconciler will)."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await asyncio.to_thread(self._app.send_task, task, args=ids)
        except (OperationalError, OSError) as error:
            log.warning("task not sent", task=task, error=type(error).__name__)
            return False
        return True

    def close(self) -> None:
        self._app.close()
