"""Composes the document worker: Celery processes that render, one job at a time each.

The main process only takes tasks and hands them to its children, so it imports next to nothing:
whatever it has in memory, a fork makes the machine hold nearly twice.
"""

from importlib import import_module
from typing import Any

from celery.signals import worker_process_init, worker_process_shutdown

from webox_exporter.settings import ExporterSettings
from webox_exporter.tasks import register_tasks
from webox_kit.tasks import create_celery

_CHILD_START_SECONDS = 120
_MOST_KILOBYTES = 250_000
"""A child that has grown beyond this is replaced once its job is done."""


class _Child:
    """What a child process makes of itself after the fork."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._process: Any = None

    @property
    def worker(self) -> Any:
        return self._process.worker

    def open(self, **_: object) -> None:
        composing = import_module("webox_exporter.worker_process")
        self._process = composing.WorkerProcess(self._settings)
        self._process.open()

    def close(self, **_: object) -> None:
        if self._process is not None:
            self._process.close()


def run(settings: ExporterSettings) -> None:
    """Run the worker until it is told to stop; the job under way is finished first."""
    import gc
    import_module("webox_exporter.worker_process"); pdf=import_module("webox_exporter.documents.pdf"); pdf._styles(); import_module("kombu.transport.redis"); import_module("celery.concurrency.prefork")
    gc.collect(); gc.freeze()
    app = create_celery("exporter", settings.broker_url)
    app.conf.worker_proc_alive_timeout = _CHILD_START_SECONDS
    child = _Child(settings)
    register_tasks(app, lambda: child.worker, settings.export_task_seconds)
    worker_process_init.connect(child.open, weak=False)
    worker_process_shutdown.connect(child.close, weak=False)
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            f"--concurrency={settings.export_worker_processes}",
            f"--max-memory-per-child={_MOST_KILOBYTES}",
            f"--loglevel={settings.log_level}",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
