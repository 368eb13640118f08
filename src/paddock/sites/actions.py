"""Short verbs of sites."""

from __future__ import annotations

from sqlalchemy import func, select

from paddock.access import audit, guard
from paddock.base.context import Context, Write
from paddock.base.errors import AlreadyExists, Detail, InUse, Invalid, NotFound
from paddock.base.ids import new_id
from paddock.sites import network
from paddock.sites.events import SiteChanged
from paddock.sites.model import Site
from paddock.sites.network import SiteNetwork, Wish
from paddock.web import etags


async def create_site(ctx: Context, wish: Wish) -> Site:
    """Raises Invalid with every fault beside its field, or AlreadyExists for a name that is taken."""
    await guard.require(ctx, "sites.create", target=audit.Target("site", label=wish.name))
    checked = _checked(wish)
    async with ctx.write() as tx:
        await _name_is_free(tx, checked.name)
        site = Site(id=new_id(), created_at=ctx.now(), updated_at=ctx.now(), version=1)
        _fill(site, checked)
        tx.session.add(site)
        audit.record(tx, ctx, "sites.create", _target(site), detail=_facts(site))
        tx.publish(SiteChanged(site.id))
    return site


async def edit_site(ctx: Context, site_id: str, wish: Wish, *, expected: int | None = None) -> Site:
    """Writes the whole wish. Raises Invalid, AlreadyExists, NotFound, or StaleVersion where `expected` is not the version."""
    await guard.require(ctx, "sites.edit", target=audit.Target("site", site_id, wish.name))
    checked = _checked(wish)
    async with ctx.write() as tx:
        site = await _get(tx, ctx, site_id)
        etags.check(expected, site.version, what=f"Site {site.name}")
        await _name_is_free(tx, checked.name, besides=site_id)
        before = _facts(site)
        _fill(site, checked)
        after = _facts(site)
        changed = {name: [before[name], after[name]] for name in after if after[name] != before[name]}
        if changed:
            site.version += 1
            site.updated_at = ctx.now()
            audit.record(tx, ctx, "sites.edit", _target(site), detail=changed)
            tx.publish(SiteChanged(site.id))
    return site


async def delete_site(ctx: Context, site_id: str, *, expected: int | None = None) -> None:
    """Raises InUse, naming what stands on the site, as long as there is something."""
    target = audit.Target("site", site_id)
    await guard.require(ctx, "sites.delete", target=target)
    objections = await ctx.objections("site", site_id)
    async with ctx.write() as tx:
        site = await _get(tx, ctx, site_id)
        etags.check(expected, site.version, what=f"Site {site.name}")
        if not objections:
            audit.record(tx, ctx, "sites.delete", _target(site), detail=_facts(site))
            await tx.session.delete(site)
            tx.publish(SiteChanged(site_id))
            return
    await audit.record_alone(ctx, "sites.delete", _target(site), outcome="refused", code="in_use")
    raise InUse(
        f"Site {site.name} cannot be deleted: {_listing(objections)} {'stand' if len(objections) > 1 else 'stands'} on it.",
        objections=objections,
        hint="A site can be deleted once nothing stands on it. Remove its nodes on their pages first.",
    )


def wish_of(site: Site) -> Wish:
    """The site as a person would type it, for forms and partial changes."""
    return Wish(
        name=site.name,
        domain=site.domain,
        subnet=site.subnet,
        range=range_text(site),
        gateway=site.gateway,
        forwarders=", ".join(site.forwarders),
        external_ip=site.external_ip,
    )


def range_text(site: Site) -> str:
    return f"{site.range_start}-{site.range_end}" if site.range_start else ""


def _checked(wish: Wish) -> SiteNetwork:
    checked, faults = network.check(wish)
    if checked is None:
        message = faults[0].message if len(faults) == 1 else "Please look at the marked fields."
        raise Invalid(message, details=faults)
    return checked


async def _get(tx: Write, ctx: Context, site_id: str) -> Site:
    site = await tx.session.get(Site, site_id, with_for_update=True)
    scope = ctx.actor.scope
    if site is None or (scope.site_ids is not None and site_id not in scope.site_ids):
        raise NotFound(f"There is no site {site_id}.", hint="It may have been deleted.")
    return site


async def _name_is_free(tx: Write, name: str, *, besides: str = "") -> None:
    taken = await tx.session.scalar(
        select(Site.name).where(func.lower(Site.name) == name.lower(), Site.id != besides)
    )
    if taken:
        message = f"There is a site {taken} already."
        raise AlreadyExists(message, details=[Detail("name", message)])


def _fill(site: Site, checked: SiteNetwork) -> None:
    site.name = checked.name
    site.domain = checked.domain
    site.subnet = checked.subnet
    site.range_start = checked.range_start
    site.range_end = checked.range_end
    site.gateway = checked.gateway
    site.forwarders = list(checked.forwarders)
    site.external_ip = checked.external_ip


def _facts(site: Site) -> dict[str, object]:
    return {
        "name": site.name,
        "domain": site.domain,
        "subnet": site.subnet,
        "range": range_text(site),
        "gateway": site.gateway,
        "forwarders": site.forwarders,
        "external_ip": site.external_ip,
    }


def _target(site: Site) -> audit.Target:
    return audit.Target("site", site.id, site.name)


def _listing(names: list[str]) -> str:
    shown = names if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
