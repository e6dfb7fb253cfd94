"""What stands in two places says the same: tables and migrations, routes and their document."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from dashboard_stage import Stage
from sqlalchemy import Connection, MetaData

from webox_dashboard.models import metadata
from webox_dashboard.rebuild_requests import rebuild_request
from webox_kit.event_tables import metadata as event_metadata
from webox_kit.preferences import preference


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_object": lambda _item, name, *_: name != "alembic_version",
        },
    )
    everything = MetaData(naming_convention=metadata.naming_convention)
    own = [*metadata.sorted_tables, rebuild_request]
    for table in [*own, *event_metadata.sorted_tables, preference]:
        table.to_metadata(everything)
    return list(compare_metadata(context, everything))


async def test_the_migrations_make_the_tables_of_the_models(stage: Stage) -> None:
    async with stage.database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []


async def test_the_document_names_the_routes_of_the_contract(stage: Stage) -> None:
    document = (await stage.client.get("/openapi.json")).json()
    routes = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert routes == {
        ("GET", "/api/dashboard/stats"),
        ("GET", "/api/dashboard/recent-projects"),
        ("GET", "/api/dashboard/recent-activity"),
        ("GET", "/api/dashboard/notifications"),
        ("POST", "/api/dashboard/notifications/{notification_id}/read"),
        ("POST", "/api/dashboard/notifications/read-all"),
    }
    parameters = document["paths"]["/api/dashboard/recent-activity"]["get"]["parameters"]
    limit = next(each["schema"] for each in parameters if each["name"] == "limit")
    assert (limit["default"], limit["minimum"], limit["maximum"]) == (20, 1, 200)
