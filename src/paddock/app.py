"""The server: builds the parts, mounts every slice, and holds the two lists that cross the floors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse

import paddock
from paddock import installation
from paddock.access import api as access_api
from paddock.access import pages as access_pages
from paddock.access import setup as access_setup
from paddock.access.guard import api_context, page_context, services_of
from paddock.base import vault
from paddock.base.clock import Clock
from paddock.base.context import Objector, Services
from paddock.base.events import Event, Listener
from paddock.base.heartbeat import Heartbeat
from paddock.base.memory import Memory
from paddock.clusters import api as clusters_api
from paddock.clusters import connecting
from paddock.clusters import pages as clusters_pages
from paddock.clusters.sign_in import api as sign_in_api
from paddock.clusters.sign_in import pages as sign_in_pages
from paddock.clusters.sign_in.jobs import MAKE_TOKEN, ROTATE_TOKEN
from paddock.containers import api as containers_api
from paddock.containers import figures as container_figures
from paddock.containers import pages as containers_pages
from paddock.containers.catalogue import Catalogue
from paddock.diagnosis import api as diagnosis_api
from paddock.diagnosis import pages as diagnosis_pages
from paddock.diagnosis.automatic import Automatic
from paddock.diagnosis.node_examination import Examiner
from paddock.jobs import api as jobs_api
from paddock.jobs import pages as jobs_pages
from paddock.jobs.engine import Engine
from paddock.nodes import api as nodes_api
from paddock.nodes import figures as node_figures
from paddock.nodes import pages as nodes_pages
from paddock.nodes import queries as nodes
from paddock.overview import api as overview_api
from paddock.overview import frame, survey
from paddock.overview import pages as overview_pages
from paddock.proxmox import address
from paddock.proxmox.connections import Connections
from paddock.settings import Settings
from paddock.sites import api as sites_api
from paddock.sites import pages as sites_pages
from paddock.sites.standing import Surveyor
from paddock.storages import api as storages_api
from paddock.storages import figures as storage_figures
from paddock.storages import pages as storages_pages
from paddock.watch import api as watch_api
from paddock.watch import api_nodes as watch_api_nodes
from paddock.watch import pages as watch_pages
from paddock.watch import pages_edit as watch_pages_edit
from paddock.watch import pages_remove as watch_pages_remove
from paddock.watch.adding import ADD
from paddock.watch.jobs import IMPORT
from paddock.watch.loop import Watcher
from paddock.watch.previews import Drafts, Previews
from paddock.web import apidocs, furniture, live, promises
from paddock.web.live import Live

log = logging.getLogger(__name__)

GUARDS: dict[str, list[Objector]] = {
    "site": [nodes.objections_to_site],
}
"""Who may object to the removal of a thing of a lower floor."""

SUBSCRIPTIONS: list[tuple[type[Event], Listener]] = []
"""Who listens to what, beyond what the parts subscribe to themselves."""

JOB_TYPES = (IMPORT, ADD, MAKE_TOKEN, ROTATE_TOKEN)

REST = (
    sites_api, clusters_api, sign_in_api, nodes_api, storages_api, containers_api, diagnosis_api, watch_api,
    watch_api_nodes, jobs_api, access_api, overview_api,
)  # fmt: skip
PAGES: tuple[APIRouter, ...] = (
    access_pages.router,
    overview_pages.router,
    sign_in_pages.router,
    containers_pages.router,
    storages_pages.router,
    diagnosis_pages.router,
    watch_pages.router,
    watch_pages_edit.router,
    watch_pages_remove.router,
    nodes_pages.router,
    clusters_pages.router,
    sites_pages.router,
    jobs_pages.router,
)
"""In this order: /nodes/import, which belongs to another slice, stands before /nodes/{node_id}."""


def build_services(settings: Settings, clock: Clock | None = None) -> Services:
    """The parts of one Paddock; nothing runs yet."""
    services = installation.open_services(settings, clock, guards=GUARDS)
    address.allow(settings.allow_addresses)
    services.figures.register(node_figures.KIND, node_figures.NodeFigures)
    services.figures.register(container_figures.KIND, container_figures.ContainerFigures)
    services.figures.register(storage_figures.KIND, storage_figures.StorageFigures)
    services.parts[Connections] = Connections(connecting.loader(services))
    services.parts[Heartbeat] = Heartbeat()
    services.parts[Memory] = Memory(services.bus)
    services.parts[Catalogue] = Catalogue()
    services.parts[Examiner] = Examiner()
    services.parts[nodes.Register] = nodes.Register()
    services.parts[Previews] = Previews(services.clock)
    services.parts[Drafts] = Drafts(services.clock)
    services.parts[Surveyor] = Surveyor(survey.stand_on)
    for event, listener in SUBSCRIPTIONS:
        services.bus.subscribe(event, listener)
    return services


def create_app(settings: Settings, *, clock: Clock | None = None) -> FastAPI:
    """The application. Its lifespan starts the job engine and the watch, and ends both."""
    services = build_services(settings, clock)
    app = FastAPI(
        title="Paddock",
        version=paddock.__version__,
        summary="Cluster management for Proxmox VE.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    furniture.install(app, services, frame=frame.provide)
    api = APIRouter(prefix="/api/v1")
    for module in REST:
        api.include_router(module.router)
    app.include_router(api)
    for router in PAGES:
        app.include_router(router)
    app.include_router(apidocs.router(page_context))
    app.include_router(live.router(api_context, lambda request: services_of(request).parts[Live]))
    _own_routes(app)
    promises.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    if not services.settings.key and vault.next_path(installation.key_path(services.settings)).exists():
        log.warning("a change of the key was cut off; finish it: paddock admin rotate-key")
    await services.figures.load(services.db)
    Engine.configure(services)
    engine = services.parts[Engine] = Engine(services, JOB_TYPES)
    watcher = services.parts[Watcher] = Watcher(services)
    automatic = services.parts[Automatic] = Automatic(services)
    services.parts[Live].start()
    services.parts[Heartbeat].start()
    services.parts[Catalogue].start(services)
    await engine.start()
    if services.settings.watch:
        await watcher.start()
        automatic.start()
    if link := await access_setup.ensure_setup_link(services):
        _announce(link)
    try:
        yield
    finally:
        await services.parts[Live].stop()
        await services.parts[Heartbeat].stop()
        await services.parts[Catalogue].stop()
        await automatic.stop()
        await engine.halt()  # before the watcher, which closes the connections that jobs use
        await watcher.stop()
        await engine.close()
        await services.db.close()


def _own_routes(app: FastAPI) -> None:
    @app.get("/health", include_in_schema=False)
    async def health() -> dict[str, str]:
        """Says that the process answers; for load balancers."""
        return {"status": "ok", "version": paddock.__version__}

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(app.openapi))  # takes a second the first time

    @app.get("/favicon.ico", include_in_schema=False)
    async def favicon(request: Request) -> RedirectResponse:
        return RedirectResponse(request.app.state.templates.environment.globals["static"]("img/mark.svg"))


def _announce(link: str) -> None:
    text = f"\nNo user yet. Create the first administrator within 24 hours at\n\n    {link}\n"
    print(text, flush=True)  # noqa: T201 - the one thing that a new operator must see
