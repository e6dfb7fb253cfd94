"""The exporter's settings, read from `WEBOX_*`."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from webox_kit.settings import ServiceSettings
from webox_kit.tasks import VISIBILITY_SECONDS

Seconds = Annotated[float, Field(gt=0)]


class ExporterSettings(ServiceSettings):
    files_url: Annotated[str, Field(pattern=r"^(file:///|s3://|s3a://|gs://|az://|abfss?://).+")]
    """Where finished files are kept: `file:///folder`, `s3://bucket/prefix`, `gs://…`, `az://…`."""

    export_kept_seconds: Seconds = 7 * 24 * 3600
    export_wait_seconds: Seconds = 10
    export_longest_wait_seconds: Seconds = 60
    export_running_per_user: int = Field(default=2, ge=1)
    export_max_attempts: int = Field(default=3, ge=1)
    export_lease_seconds: Seconds = 30
    export_renew_seconds: Seconds = 1
    export_reconcile_seconds: Seconds = 5
    export_pause_seconds: Seconds = 5
    export_patience_seconds: Seconds = 3600
    export_enqueue_again_seconds: Seconds = 15
    export_cleanup_seconds: Seconds = 1
    export_worker_processes: int = Field(default=2, ge=1, le=16)
    export_task_seconds: int = Field(default=900, ge=1)
    export_visibility_seconds: Seconds = VISIBILITY_SECONDS

    @property
    def kept(self) -> timedelta:
        return timedelta(seconds=self.export_kept_seconds)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.export_lease_seconds)

    @property
    def enqueue_again(self) -> timedelta:
        return timedelta(seconds=self.export_enqueue_again_seconds)
