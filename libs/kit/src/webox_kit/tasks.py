"""Celery as Webox uses it: tasks are hints with ids for arguments, the truth is in SQL."""

import asyncio
from base64 import b64encode
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

import orjson
from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from webox_kit import redis_transport
from webox_kit.logs import get_logger
from webox_kit.streams import connect

log = get_logger(__name__)

# Twice as long as a task may take: what takes longer is given to somebody else as well.
VISIBILITY_SECONDS = 1800
_RESTORE_SECONDS = 5
# Once more at once, for a connection that a restart of Redis has left dead; no waiting.
_ONE_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}
# A request waits no longer for a frozen Redis.
_SEND_SECONDS = 1.0
_KEY_PREFIX = "webox:celery:"


def create_celery(
    service: str,
    broker_url: str,
    *,
    acknowledged: bool = True,
    visibility_seconds: float = VISIBILITY_SECONDS,
) -> Celery:
    """A Celery app whose one queue is the service's name.

    A task that is not acknowledged within `visibility_seconds` is given to a worker once more.

    Late acknowledgement and `reject_on_worker_lost` give a killed child's task back. A worker
    whose tasks only begin what SQL keeps does better without acknowledging at all: that is half
    of what Celery takes for a task, and a reconciler is quicker than the broker's restoring.
    """
    redis_transport.use()
    app = Celery(service, broker=_with_user_info(broker_url), set_as_current=False)
    app.conf.update(
        task_default_queue=service,
        task_queues=[_queue(service, acknowledged)],
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
            "visibility_timeout": visibility_seconds,
            "unacked_restore_interval": min(_RESTORE_SECONDS, visibility_seconds),
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
            "global_keyprefix": _KEY_PREFIX,
        },
        task_publish_retry_policy=_ONE_RETRY,
    )
    return app


def _queue(name: str, acknowledged: bool) -> Queue:
    return Queue(name, Exchange(name), name, no_ack=not acknowledged)  # type: ignore[no-untyped-call] # kombu has few types


def _with_user_info(broker_url: str) -> str:
    """Kombu reads a socket's password from the user info only, redis-py from the query as well."""
    url = urlsplit(broker_url)
    query = dict(parse_qsl(url.query))
    password = query.pop("password", None)
    if password is None:
        return broker_url
    return url._replace(netloc=f":{quote(password, safe='')}@", query=urlencode(query)).geturl()


class TaskQueue:
    """Sends tasks from async code, by a push of its own when the broker is Redis.

    Celery's way of sending is over a millisecond of blocking work, so it needs a thread and two
    hand-overs as well: most of what lies between a commit and the worker. Here Celery makes each
    task's message once, and a copy with its ids is pushed (`docs/adr/0010-tasks-are-pushed.md`).
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        url = _redis_url(str(app.conf.broker_url))
        self._redis = connect(url) if url else None
        self._forms: dict[str, _TaskForm] = {}
        self._sending: set[asyncio.Task[bool]] = set()

    async def send(self, task: str, *ids: object) -> bool:
        """Hint that there is work; False if the broker did not take it (a reconciler will)."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._publish(task, ids)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("task not sent", task=task, error=type(error).__name__)
            return False
        return True

    def send_soon(self, task: str, *ids: object) -> None:
        """The same while the caller goes on."""
        sending = asyncio.create_task(self.send(task, *ids))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        await asyncio.gather(*self._sending)
        if self._redis is not None:
            await self._redis.aclose()
        self._app.close()

    async def _publish(self, task: str, ids: tuple[object, ...]) -> None:
        if self._redis is None:
            await asyncio.to_thread(self._app.send_task, task, args=ids)
            return
        form = self._forms.get(task)
        if form is None:
            form = self._forms[task] = _TaskForm(self._app.conf.task_default_queue, task)
        await self._redis.lpush(_KEY_PREFIX + form.queue, form.filled_in(ids))


class _TaskForm:
    """A task's message, as Celery and kombu make it, to be filled in.

    https://docs.celeryq.dev/en/stable/internals/protocol.html
    """

    def __init__(self, queue: str, task: str) -> None:
        self.queue = queue
        with Celery("form", broker="memory://", set_as_current=False) as app:
            app.conf.update(task_default_queue=queue, task_ignore_result=True)
            app.send_task(task, args=())
            with app.connection_for_read() as connection:
                message = connection.default_channel.basic_get(queue, no_ack=True)
        self._message = message.serializable()
        self._options = message.decode()[2]

    def filled_in(self, ids: tuple[object, ...]) -> bytes:
        task_id = str(uuid4())
        body = orjson.dumps([ids, {}, self._options], default=str)
        headers = {"id": task_id, "root_id": task_id, "argsrepr": repr(ids)}
        properties = {"correlation_id": task_id, "delivery_tag": str(uuid4())}
        return orjson.dumps(
            {
                **self._message,
                "body": b64encode(body).decode(),
                "headers": {**self._message["headers"], **headers},
                "properties": {**self._message["properties"], **properties},
            }
        )


def _redis_url(broker_url: str) -> str | None:
    """Kombu's URL as redis-py spells it; None when the broker is not a Redis."""
    url = urlsplit(broker_url)
    if url.scheme in {"redis", "rediss"}:
        return broker_url
    if url.scheme != "redis+socket":
        return None
    database = dict(parse_qsl(url.query)).get("virtual_host", "0")
    return url._replace(scheme="unix", query=urlencode({"db": database})).geturl()
