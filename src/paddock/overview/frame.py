"""What stands around every page: navigation with counts, the site switcher, running jobs."""

from __future__ import annotations

from fastapi import Request

from paddock.access import guard
from paddock.base.memory import Memory
from paddock.containers import queries as containers
from paddock.jobs import queries as jobs
from paddock.jobs.events import JobMoved, JobQueued
from paddock.nodes import queries as nodes
from paddock.sites import queries as sites
from paddock.sites.events import SiteChanged
from paddock.web.render import Choice, Frame, NavItem


async def provide(request: Request) -> Frame | None:
    """The frame for the person of this request; None where nobody is signed in."""
    ctx = guard.context_of(request)
    if ctx is None or ctx.actor.user_id is None:
        return None
    scope = ctx.actor.scope.site_ids
    memory = ctx.part(Memory)
    found = await memory.recall(("sites", scope), (SiteChanged,), lambda: sites.all_sites(ctx))
    running = await memory.recall(("running", scope), (JobQueued, JobMoved), lambda: jobs.count_running(ctx))
    node_count, trouble = await nodes.count(ctx)
    entries = [
        ("overview.read", NavItem("Overview", "/", "layout-dashboard")),
        ("sites.read", NavItem("Sites", "/sites", "map-pin", len(found))),
        ("nodes.read", NavItem("Nodes", "/nodes", "server", node_count, trouble)),
        ("containers.read", NavItem("Containers", "/containers", "box", await containers.count(ctx))),
        ("jobs.read", NavItem("Jobs", "/jobs", "list-check", running or None)),
        ("access.read", NavItem("Access", "/access", "users")),
    ]
    return Frame(
        person=ctx.actor.name,
        role=ctx.actor.role,
        nav=tuple(item for permission, item in entries if guard.may(ctx, permission)),
        sites=tuple(Choice(site.id, site.name) for site in found),
        jobs=running,
        attention=trouble,
    )
