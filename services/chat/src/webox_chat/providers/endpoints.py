"""The HTTP door of the provider registry."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from webox_chat.providers import Provider, Registry
from webox_kit.app import PROBLEMS
from webox_kit.circuits import SharedCircuits
from webox_kit.identity import CurrentUser

router = APIRouter(prefix="/api/chat", tags=["Providers"], responses=PROBLEMS)


class ProviderState(BaseModel):
    """A provider; `reason` says what to do when it is not available.

    While its `circuit` is open it failed lately, and is asked again by and by.
    """

    name: str
    protocol: str
    models: list[str]
    default_model: str
    available: bool
    reason: str | None
    demo: bool
    circuit: Literal["closed", "open"] = "closed"

    @classmethod
    def of(cls, provider: Provider, *, circuit_open: bool = False) -> "ProviderState":
        return cls(
            name=provider.name,
            protocol=provider.protocol,
            models=list(provider.models),
            default_model=provider.default_model,
            available=provider.available,
            reason=provider.reason,
            demo=provider.demo,
            circuit="open" if circuit_open else "closed",
        )


class ProviderList(BaseModel):
    providers: list[ProviderState]


async def provider_registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def provider_circuits(request: Request) -> SharedCircuits | None:
    """Those of the workers, where the app has Redis to see them."""
    return getattr(request.app.state, "circuits", None)


@router.get("/providers", summary="List the providers and whether they can be asked")
async def list_providers(
    _user: CurrentUser,
    registry: Annotated[Registry, Depends(provider_registry)],
    circuits: Annotated[SharedCircuits | None, Depends(provider_circuits)],
) -> ProviderList:
    await registry.refresh()
    states = (_state(each, circuits) for each in registry.all())
    return ProviderList(providers=await asyncio.gather(*states))


async def _state(provider: Provider, circuits: SharedCircuits | None) -> ProviderState:
    circuit = circuits.circuit(provider.name, provider.circuit) if circuits else None
    return ProviderState.of(provider, circuit_open=bool(circuit and await circuit.is_open()))
