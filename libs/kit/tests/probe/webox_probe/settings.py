from pydantic import Field

from webox_kit.settings import ServiceSettings


class ProbeSettings(ServiceSettings):
    names: list[str] = Field(default_factory=list)
