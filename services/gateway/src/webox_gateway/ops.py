"""What the gateway's operations page shows besides what every service's does: the services."""

from markupsafe import Markup

from webox_gateway.door.routes import SERVICES
from webox_gateway.health import SystemHealth
from webox_kit.ops import OpsSection, OpsSource


def services_section(health: SystemHealth) -> OpsSource:
    """Each service with its state, linked to its own page."""

    async def section() -> OpsSection:
        state = await health.readiness()
        link = Markup('<a href="/ops/{0}">{0}</a>')
        return OpsSection(
            "Services",
            [(link.format(name), state.checks[name]) for name in SERVICES],
            alarms=[f"{name} is away." for name, is_ in state.checks.items() if is_ == "away"],
        )

    return section
