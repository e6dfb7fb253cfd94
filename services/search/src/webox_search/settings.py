"""Settings of search, beside those that every service has."""

from pathlib import Path

from pydantic import Field, FilePath, ValidationInfo, field_validator

from webox_kit.settings import ServiceSettings


class SearchSettings(ServiceSettings):
    """Which engine serves: Meilisearch where its URL is given, else the embedded one."""

    meilisearch_url: str | None = None
    meilisearch_key_file: FilePath | None = None
    index_dir: Path | None = Field(default=None, validate_default=True)

    @field_validator("index_dir")
    @classmethod
    def _some_engine(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder is None and not info.data.get("meilisearch_url"):
            raise ValueError("give a folder for the index, or WEBOX_MEILISEARCH_URL")
        return folder
