"""The server: builds the parts, mounts every slice, and holds the two lists that cross the floors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import create_engine, inspect, make_url, select

import paddock
from paddock.access import api as access_api
from paddock.access import pages as access_pages
from paddock.access import setup as access_setup
from paddock.access.guard import api_context, page_context, services_of
from paddock.base import vault
from paddock.base.clock import Clock, SystemClock
from paddock.base.context import Objector, Services
from paddock.base.db import Database, sqlite_url
from paddock.base.events import Bus, Event, Listener
from paddock.base.figures import Figures
from paddock.base.heartbeat import Heartbeat
from paddock.base.resealing import Sealed
from paddock.clusters import api as clusters_api
from paddock.clusters import connecting
from paddock.clusters import pages as clusters_pages
from paddock.clusters.model import Cluster, Member
from paddock.clusters.record import own_context, seal_context
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
from paddock.jobs.model import Job
from paddock.jobs.record import job_context
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

SEALED = (
    Sealed(Cluster.credential_sealed, lambda row: seal_context(row.identity)),
    Sealed(Member.credential_sealed, lambda row: own_context(row.id)),
    Sealed(Job.sealed, lambda row: job_context(row.id)),
)
"""Every column that holds sealed secrets, and what each value is sealed to."""

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


def database_url(settings: Settings) -> str:
    return settings.database_url or sqlite_url(settings.data_dir / "paddock.sqlite")


def build_services(settings: Settings, clock: Clock | None = None) -> Services:
    """The parts of one Paddock; nothing runs yet. Local commands use it without a server."""
    address.allow(settings.allow_addresses)
    figures = Figures()
    figures.register(node_figures.KIND, node_figures.NodeFigures)
    figures.register(container_figures.KIND, container_figures.ContainerFigures)
    figures.register(storage_figures.KIND, storage_figures.StorageFigures)
    services = Services(
        settings=settings,
        db=Database(database_url(settings)),
        clock=clock or SystemClock(),
        bus=Bus(),
        vault=_vault(settings),
        figures=figures,
        guards=GUARDS,
    )
    services.parts[Connections] = Connections(connecting.loader(services))
    services.parts[Heartbeat] = Heartbeat()
    services.parts[Catalogue] = Catalogue()
    services.parts[Examiner] = Examiner()
    services.parts[nodes.Register] = nodes.Register()
    services.parts[Previews] = Previews(services.clock)
    services.parts[Drafts] = Drafts(services.clock)
    services.parts[Surveyor] = Surveyor(survey.stand_on)
    access_setup.install(services)
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
    if not services.settings.key and vault.next_path(key_path(services.settings)).exists():
        log.warning("a change of the key was cut off; finish it: paddock admin rotate-key")
    await services.figures.load(services.db)
    Engine.configure(services)
    engine = services.parts[Engine] = Engine(services, JOB_TYPES)
    watcher = services.parts[Watcher] = Watcher(services)
    automatic = services.parts[Automatic] = Automatic(services)
    services.parts[Live].start()
    services.parts[Heartbeat].start()
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


def key_path(settings: Settings) -> Path:
    """The file with the key, where it does not come from the environment."""
    return settings.key_file or settings.data_dir / "secret.key"


def _vault(settings: Settings) -> vault.Vault:
    if settings.key:
        return vault.ring_of(vault.decode_key(settings.key))
    path = key_path(settings)
    if (waiting := vault.next_path(path)).exists():
        return vault.ring_of(vault.load_key(path), also=vault.load_key(waiting))
    if settings.key_file or path.exists() or _anything_sealed(database_url(settings)):
        return vault.ring_of(vault.load_key(path))
    return vault.ring_of(vault.create_key(path))


def _anything_sealed(url: str) -> bool:
    """Whether the database holds what only the key opens. Then no new key may take the place of a missing one."""
    file = make_url(url).database if url.startswith("sqlite") else None
    if file and not Path(file).exists():
        return False
    engine = create_engine(url.replace("+aiosqlite", ""))
    try:
        tables = set(inspect(engine).get_table_names())
        with engine.connect() as db:
            return any(
                db.scalar(select(place.column).where(place.column != "").limit(1)) is not None
                for place in SEALED
                if place.column.class_.__tablename__ in tables
            )
    finally:
        engine.dispose()


def _announce(link: str) -> None:
    text = f"\nNo user yet. Create the first administrator within 24 hours at\n\n    {link}\n"
    print(text, flush=True)  # noqa: T201 - the one thing that a new operator must see
