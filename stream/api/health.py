"""`/healthz` and `/readyz`."""

from http import HTTPStatus

from fastapi import FastAPI

from stream.api import models, problems
from stream.api.ports import Ports
from stream.base.errors import UnavailableError


def install(app: FastAPI, ports: Ports) -> None:
    """Add the routes."""

    @app.get("/healthz", tags=["health"], operation_id="health")
    async def health() -> models.Health:
        """Whether the process lives."""
        return models.Health()

    @app.get(
        "/readyz", tags=["health"], operation_id="ready", responses=problems.responses(HTTPStatus.SERVICE_UNAVAILABLE)
    )
    async def ready() -> models.Health:
        """Whether it can answer: the registry was read."""
        if not ports.registry.ready:
            raise UnavailableError("the registry was not read yet; try again in a moment")
        return models.Health()
