"""CloudEvents 1.0 in structured mode, as other Webox products report them.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StrictInt, StringConstraints

from webox_kit.text import Cleaned

MEDIA_TYPE = "application/cloudevents+json"
LARGEST_ID = 2**63 - 1
MOST_BYTES = 2**62

Attribute = Annotated[str, StringConstraints(min_length=1, max_length=255), Cleaned]


class ProductData(BaseModel):
    """`user_id` is whose the thing is; `bytes` how much it takes now, where that applies."""

    user_id: Annotated[StrictInt, Field(ge=1, le=LARGEST_ID)]
    name: Annotated[str, StringConstraints(max_length=200), Cleaned] | None = None
    bytes: Annotated[StrictInt, Field(ge=0, le=MOST_BYTES)] | None = None


class ReportedEvent(BaseModel):
    """`subject` is the id of the website, funnel, generation or file."""

    specversion: Literal["1.0"]
    id: Attribute
    source: Attribute
    type: Attribute
    subject: Attribute
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: ProductData


class Accepted(BaseModel):
    accepted: int
    duplicates: int


class KeptEvent(BaseModel):
    """As it was reported. `published_as` is null for events older than that column."""

    id: int
    user_id: int
    event_id: str
    type: str
    subject: str
    occurred_at: AwareDatetime
    name: str | None
    bytes: int | None
    published_as: str | None


class KeptEventList(BaseModel):
    events: list[KeptEvent]
