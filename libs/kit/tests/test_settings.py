from pathlib import Path
from typing import Any, Self

import pytest
from pydantic import model_validator

from webox_kit.errors import ConfigurationError
from webox_kit.settings import ServiceSettings
from webox_kit.testing import Keys


class ProbeSettings(ServiceSettings):
    names: list[str] = []  # noqa: RUF012 - pydantic copies it
    needs: str | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.names and not self.needs:
            raise ValueError("WEBOX_NAMES needs WEBOX_NEEDS.")
        return self


@pytest.fixture
def environment(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Complete, for the tests to change."""
    for name, value in {
        "DATABASE_URL": "postgresql+psycopg:///x",
        "REDIS_URL": "redis://localhost",
        "BROKER_URL": "redis://localhost/1",
        "IDENTITY_PUBLIC_KEY_FILE": str(keys.public_key_file),
        "SERVICE_SECRET_FILE": str(keys.service_secret_file),
    }.items():
        monkeypatch.setenv(f"WEBOX_{name}", value)
    return monkeypatch


class TestLoad:
    def test_reads_the_environment(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("WEBOX_PORT", "8123")
        environment.setenv("WEBOX_LOG_LEVEL", "")
        settings = ProbeSettings.load()
        assert (settings.port, settings.log_level) == (8123, "INFO")

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"DATABASE_URL": None}, "WEBOX_DATABASE_URL is not set."),
            (
                {"STREAM_MOST_EVENTS": "999"},
                "WEBOX_STREAM_MOST_EVENTS is wrong: Input should be greater than or equal to 1000.",
            ),
            (
                {"STREAM_TRIM_SECONDS": "0"},
                "WEBOX_STREAM_TRIM_SECONDS is wrong: Input should be greater than 0.",
            ),
            (
                {"REDIS_URL": "", "BROKER_URL": None},
                "WEBOX_REDIS_URL is not set; WEBOX_BROKER_URL is not set.",
            ),
            (
                {"PORT": "70000"},
                "WEBOX_PORT is wrong: Input should be less than or equal to 65535.",
            ),
            (
                {"SERVICE_SECRET_FILE": "/nowhere/secret"},
                "WEBOX_SERVICE_SECRET_FILE is wrong: Path does not point to a file.",
            ),
            ({"NAMES": '["a"]'}, "WEBOX_NAMES needs WEBOX_NEEDS."),
        ],
    )
    def test_says_what_is_wrong_in_one_sentence(
        self, environment: pytest.MonkeyPatch, changes: dict[str, Any], sentence: str
    ) -> None:
        for name, value in changes.items():
            if value is None:
                environment.delenv(f"WEBOX_{name}")
            else:
                environment.setenv(f"WEBOX_{name}", value)
        with pytest.raises(ConfigurationError) as error:
            ProbeSettings.load()
        assert str(error.value) == sentence

    def test_takes_what_is_at_the_limit(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("WEBOX_STREAM_MOST_EVENTS", "1000")
        assert ProbeSettings.load().stream_most_events == 1000

    def test_a_list_that_is_none(self, environment: pytest.MonkeyPatch) -> None:
        environment.setenv("WEBOX_NAMES", "a,b")
        with pytest.raises(ConfigurationError, match=r"cannot be read: .*names"):
            ProbeSettings.load()

    def test_does_not_show_values(self, environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
        environment.setenv("WEBOX_DATABASE_POOL_SIZE", "canary-value")
        environment.setenv("WEBOX_SERVICE_SECRET_FILE", str(tmp_path / "none"))
        with pytest.raises(ConfigurationError) as error:
            ProbeSettings.load()
        assert "canary" not in str(error.value)
