"""Composes the document worker: Celery processes that render, one job at a time each."""

import gc

from celery.signals import worker_process_init, worker_process_shutdown

from webox_exporter.settings import ExporterSettings
from webox_exporter.tasks import register_tasks
from webox_exporter.worker_process import WorkerProcess, warm_up
from webox_kit.tasks import create_celery

_CHILD_START_SECONDS = 120
_MOST_KILOBYTES = 250_000
"""A child that has grown beyond this is replaced once its job is done."""


def run(settings: ExporterSettings) -> None:
    """Run the worker until it is told to stop; the job under way is finished first."""
    app = create_celery(
        "exporter",
        settings.broker_url,
        visibility_seconds=settings.export_visibility_seconds,
    )
    process = WorkerProcess(settings)
    app.conf.worker_proc_alive_timeout = _CHILD_START_SECONDS
    register_tasks(app, lambda: process.worker, settings.export_task_seconds)
    worker_process_init.connect(lambda **_: process.open(), weak=False)
    worker_process_shutdown.connect(lambda **_: process.close(), weak=False)
    warm_up()
    gc.freeze()  # what is loaded now is shared with the children, and not copied by collecting
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
