"""The base of request bodies, and of what routes declare about their answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from webox_kit.app import PROBLEMS


class Body(BaseModel):
    """Types are not converted: `"12"` is no number. Unknown members are ignored."""

    model_config = ConfigDict(strict=True)


def problem(description: str) -> dict[str, Any]:
    """A problem that a route can answer, for its `responses`."""
    return {**PROBLEMS[400], "description": description}
