"""The base of request bodies."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Types are not converted: `"12"` is no number. Unknown members are ignored."""

    model_config = ConfigDict(strict=True)
