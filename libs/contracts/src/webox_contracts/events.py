"""The event envelope and every event's data.

Events are CloudEvents 1.0 (https://github.com/cloudevents/spec). They carry ids, versions,
names and numbers, never message text. An event class names its `type`; the part before the
first dot is the stream it travels on, except for `webox.*`, which other Webox products report
through the gateway and which travel on the gateway's stream.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

ReplyFinalStatus = Literal["done", "failed", "cancelled"]

Language = Literal["fr", "en"]
"""The languages that Webox speaks to people."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class EventData(BaseModel):
    """What an event says. `version` orders the events of one aggregate."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    aggregate: ClassVar[str]

    user_id: int
    version: int = 0

    def subject(self) -> str:
        """The aggregate's id, the `subject` of the CloudEvent."""
        return str(getattr(self, f"{self.aggregate}_id"))


class UserRegistered(EventData):
    type = "gateway.user_registered"
    aggregate = "user"


class UserDeleted(EventData):
    type = "gateway.user_deleted"
    aggregate = "user"


class ConversationStarted(EventData):
    type = "chat.conversation_started"
    aggregate = "conversation"

    conversation_id: int
    title: str
    folder: str
    providers: list[str]
    created_at: AwareDatetime


class ConversationUpdated(EventData):
    """Title, folder, tags, favorite or archived changed; all of them as they are now."""

    type = "chat.conversation_updated"
    aggregate = "conversation"

    conversation_id: int
    title: str
    folder: str
    tags: list[str]
    is_favorite: bool
    archived: bool
    updated_at: AwareDatetime


class ConversationDeleted(EventData):
    type = "chat.conversation_deleted"
    aggregate = "conversation"

    conversation_id: int


class MessageSent(EventData):
    type = "chat.message_sent"
    aggregate = "conversation"

    conversation_id: int
    message_id: int
    providers: list[str]
    created_at: AwareDatetime


class ReplyFinished(EventData):
    """A reply became final. `version` is the conversation's; costs are in US dollars."""

    type = "chat.reply_finished"
    aggregate = "conversation"

    conversation_id: int
    message_id: int
    reply_id: int
    provider: str
    model: str
    status: ReplyFinalStatus
    error_code: str | None = None
    demo: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    time_to_first_token_ms: int | None = None
    total_ms: int | None = None
    finished_at: AwareDatetime


class ReplySuperseded(EventData):
    """A user had a provider asked again: another reply stands in this one's place."""

    type = "chat.reply_superseded"
    aggregate = "conversation"

    conversation_id: int
    message_id: int
    reply_id: int
    superseded_by: int
    provider: str


class SettingsChanged(EventData):
    """What a user chose, as it is now. Null is no choice; a time zone is an IANA name."""

    type = "chat.settings_changed"
    aggregate = "user"

    language: Language | None = None
    time_zone: str | None = None


class ProviderCircuitOpened(EventData):
    """A provider stopped answering; said to each user whose reply it cost."""

    type = "chat.provider_circuit_opened"
    aggregate = "provider"

    provider: str
    opened_at: AwareDatetime

    def subject(self) -> str:
        return self.provider


class ExportFinished(EventData):
    type = "exporter.export_finished"
    aggregate = "export"

    export_id: str
    status: Literal["done", "failed"]
    format: str
    filename: str
    size_bytes: int = 0
    finished_at: AwareDatetime


class ExportRemoved(EventData):
    """The file of a finished export is gone: deleted, expired, or its conversation was."""

    type = "exporter.export_removed"
    aggregate = "export"

    export_id: str


class NotificationCreated(EventData):
    type = "dashboard.notification_created"
    aggregate = "notification"

    notification_id: int
    kind: Literal["success", "info", "warning", "error"]


class ProductEventData(EventData):
    """A thing made by another Webox product; the CloudEvent's `subject` is its id."""

    aggregate = "product"
    model_config = ConfigDict(frozen=True, extra="ignore")

    subject_id: Identifier
    event_id: Identifier
    """The reporter's own id of the event: the second key of the order they are applied in."""

    occurred_at: AwareDatetime
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    bytes: Annotated[int, Field(ge=0, le=2**62)] | None = None

    def subject(self) -> str:
        return self.subject_id


class WebsiteCreated(ProductEventData):
    type = "webox.website.created"


class WebsiteUpdated(ProductEventData):
    type = "webox.website.updated"


class WebsitePublished(ProductEventData):
    type = "webox.website.published"


class WebsiteDeleted(ProductEventData):
    type = "webox.website.deleted"


class FunnelCreated(ProductEventData):
    type = "webox.funnel.created"


class FunnelUpdated(ProductEventData):
    type = "webox.funnel.updated"


class FunnelPublished(ProductEventData):
    type = "webox.funnel.published"


class FunnelDeleted(ProductEventData):
    type = "webox.funnel.deleted"


class GenerationCompleted(ProductEventData):
    type = "webox.generation.completed"


class StorageChanged(ProductEventData):
    """`bytes` is what the subject takes now, not a difference."""

    type = "webox.storage.changed"
    bytes: Annotated[int, Field(ge=0, le=2**62)]


EventClass = TypeVar("EventClass", bound=EventData)


def _by_type(*events: type[EventClass]) -> dict[str, type[EventClass]]:
    return {event.type: event for event in events}


PRODUCT_EVENTS: dict[str, type[ProductEventData]] = _by_type(
    WebsiteCreated,
    WebsiteUpdated,
    WebsitePublished,
    WebsiteDeleted,
    FunnelCreated,
    FunnelUpdated,
    FunnelPublished,
    FunnelDeleted,
    GenerationCompleted,
    StorageChanged,
)
"""What other Webox products may report, by CloudEvents type."""

EVENTS: dict[str, type[EventData]] = _by_type(
    UserRegistered,
    UserDeleted,
    ConversationStarted,
    ConversationUpdated,
    ConversationDeleted,
    MessageSent,
    ReplyFinished,
    ReplySuperseded,
    SettingsChanged,
    ProviderCircuitOpened,
    ExportFinished,
    ExportRemoved,
    NotificationCreated,
    *PRODUCT_EVENTS.values(),
)
"""Every event by its type."""


class Event(BaseModel):
    """A CloudEvent 1.0 in JSON, with Webox's extension attributes.

    `schemaversion` names the shape of `data`; a consumer that does not know it sends the event
    to the dead letters. `requestid` and `traceparent` are those of the request that caused it.
    """

    model_config = ConfigDict(frozen=True)

    SCHEMA_VERSION: ClassVar[int] = 1

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    source: Identifier
    type: Identifier
    subject: Identifier
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    schemaversion: int = SCHEMA_VERSION
    requestid: str | None = None
    traceparent: str | None = None
    data: dict[str, Any]

    @classmethod
    def of(
        cls,
        data: EventData,
        *,
        id: str,  # noqa: A002 - the CloudEvents attribute's name
        source: str,
        time: datetime,
        requestid: str | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """Wrap `data`, dumped as JSON types, into its envelope."""
        return cls(
            id=id,
            source=source,
            type=data.type,
            subject=data.subject(),
            time=time,
            requestid=requestid,
            traceparent=traceparent,
            data=data.model_dump(mode="json"),
        )

    def parsed(self) -> EventData:
        """The data as its class.

        Raises:
            UnknownEventError: no class has this type, or not in this schema version.
            pydantic.ValidationError: the data does not fit its class.
        """
        if self.type not in EVENTS or self.schemaversion != self.SCHEMA_VERSION:
            raise UnknownEventError(self.type, self.schemaversion)
        return EVENTS[self.type].model_validate(self.data)


class UnknownEventError(Exception):
    """An event of a type or schema version that this release does not know."""

    def __init__(self, event_type: str, schema_version: int) -> None:
        super().__init__(f"unknown event {event_type!r} in schema version {schema_version}")


def stream_of(event_type: str) -> str:
    """The service on whose stream events of this type travel."""
    prefix = event_type.split(".", 1)[0]
    return "gateway" if prefix == "webox" else prefix
