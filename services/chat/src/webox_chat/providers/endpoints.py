"""The HTTP door of the provider registry."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from webox_chat.providers import Provider, Registry
from webox_kit.app import PROBLEMS
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Providers"], responses=PROBLEMS)


class ProviderState(BaseModel):
    """A provider; `reason` says what to do when it is not available."""

    name: str
    protocol: str
    models: list[str]
    default_model: str
    available: bool
    reason: str | None
    demo: bool

    @classmethod
    def of(cls, provider: Provider) -> "ProviderState":
        return cls(
            name=provider.name,
            protocol=provider.protocol,
            models=list(provider.models),
            default_model=provider.default_model,
            available=provider.available,
            reason=provider.reason,
            demo=provider.demo,
        )


class ProviderList(BaseModel):
    providers: list[ProviderState]


async def provider_registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


@router.get("/providers", summary="List the providers and whether they can be asked")
async def list_providers(
    _user: CurrentUser, registry: Annotated[Registry, Depends(provider_registry)]
) -> ProviderList:
    await registry.refresh()
    return ProviderList(providers=[ProviderState.of(each) for each in registry.all()])
