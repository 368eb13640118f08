"""Resource pools: /pools. Members' rights follow their pool.

Source: pve-manager `API2/Pool.pm`; since 8.1 the pool is a parameter, the path form still works.
"""

from __future__ import annotations

import msgspec

from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.model import Cluster
from pvesim.permissions import writable
from pvesim.routes.cluster import visible_pools
from pvesim.sampling import guest_row, sample_of


def register(routes: Routes) -> None:
    routes.get("/pools")(_pools)
    routes.post("/pools")(_create)
    for path in ("/pools", "/pools/{poolid}"):
        routes.put(path)(_change)
        routes.delete(path)(_delete)
    routes.get("/pools/{poolid}")(_pool)


def _pools(call: Call) -> object:
    if "poolid" in call.params:
        pool = _known(call)
        call.need(f"/pool/{pool}", "Pool.Audit")
        return [{**_named(call.cluster, pool), "members": _members(call, pool)}]
    return [_named(call.cluster, pool) for pool in visible_pools(call)]


def _pool(call: Call) -> object:
    pool = _known(call)
    members = {**_named(call.cluster, pool), "members": _members(call, pool)}
    del members["poolid"]
    return members


def _known(call: Call) -> str:
    pool = call.params["poolid"]
    if pool not in call.cluster.pools:
        raise failed(f"pool '{pool}' does not exist")
    return pool


def _named(cluster: Cluster, pool: str) -> dict[str, object]:
    comment = cluster.pools[pool]
    return {"poolid": pool, "comment": comment} if comment else {"poolid": pool}


def _members(call: Call, pool: str) -> list[object]:
    kind = call.params.get("type")
    found: list[object] = [
        msgspec.json.decode(guest_row(guest, sample_of(guest.node)))
        for guest in call.cluster.guests.values()
        if guest.pool == pool and kind in (None, guest.kind)
    ]
    if kind in (None, "storage"):
        found += [
            {
                "id": f"storage/{node.name}/{name}",
                "storage": name,
                "node": node.name,
                "type": "storage",
                "plugintype": storage.type,
                "content": call.list_text(storage.content),
                "shared": int(storage.shared),
                "status": "available",
            }
            for name, storage in call.cluster.storages.items()
            if call.cluster.identity.pool_of.get(f"/storage/{name}") == pool
            for node in call.cluster.nodes.values()
            if node.has(storage)
        ]
    return found


def _create(call: Call) -> object:
    writable(call, "create pool failed")
    pool = call.params["poolid"]
    if pool in call.cluster.pools:
        raise failed(f"create pool failed: pool '{pool}' already exists")
    parent = pool.rpartition("/")[0]
    if parent and parent not in call.cluster.pools:
        raise failed(f"create pool failed: parent '{parent}' of pool '{pool}' does not exist")
    call.cluster.pools[pool] = call.params.get("comment", "")
    return None


def _change(call: Call) -> object:
    writable(call, "update pools failed")
    cluster, given = call.cluster, call.params
    pool = given["poolid"]
    if pool not in cluster.pools:
        raise failed(f"update pools failed: pool '{pool}' does not exist")
    if "comment" in given:
        cluster.pools[pool] = given["comment"]
    away = call.flag("delete")
    for vmid in words(given.get("vms", "")):
        _move_guest(call, pool, vmid, away=away)
    for storage in words(given.get("storage", "")):
        _move_storage(call, pool, storage, away=away)
    cluster.identity.changed()
    return None


def _move_guest(call: Call, pool: str, vmid: str, *, away: bool) -> None:
    cluster = call.cluster
    guest = cluster.guests.get(int(vmid))
    call.need(f"/vms/{vmid}", "VM.Allocate", "Permissions.Modify", any_of=True)
    if away:
        if guest is None or guest.pool != pool:
            raise failed(f"update pools failed: VM {vmid} is not a pool member")
        _put(cluster, guest, "")
        return
    if guest is None:
        raise failed(f"update pools failed: virtual machine {vmid} does not exist")
    if guest.pool == pool:
        raise failed(f"update pools failed: VM {vmid} is already a pool member")
    if guest.pool and not call.flag("allow-move"):
        raise failed(
            f"update pools failed: VM {vmid} belongs already to pool '{guest.pool}' and allow-move is not set"
        )
    _put(cluster, guest, pool)


def _put(cluster: Cluster, guest: Guest, pool: str) -> None:
    guest.pool = pool
    where = f"/vms/{guest.vmid}"
    if pool:
        cluster.identity.pool_of[where] = pool
    else:
        cluster.identity.pool_of.pop(where, None)
    guest.touch()


def _move_storage(call: Call, pool: str, storage: str, *, away: bool) -> None:
    pool_of = call.cluster.identity.pool_of
    where = f"/storage/{storage}"
    call.need(where, "Datastore.Allocate", "Permissions.Modify", any_of=True)
    member = pool_of.get(where) == pool
    if away and not member:
        raise failed(f"update pools failed: Storage '{storage}' is not a pool member")
    if not away and member:
        raise failed(f"update pools failed: Storage '{storage}' is already a pool member")
    if away:
        del pool_of[where]
    else:
        pool_of[where] = pool


def _delete(call: Call) -> object:
    writable(call, "delete pool failed")
    cluster, pool = call.cluster, call.params["poolid"]
    if pool not in cluster.pools:
        raise failed(f"delete pool failed: pool '{pool}' does not exist")
    held = [guest.vmid for guest in cluster.guests.values() if guest.pool == pool]
    if held:
        raise failed(f"delete pool failed: pool '{pool}' is not empty (contains VM {held[0]})")
    storage = next((path for path, each in cluster.identity.pool_of.items() if each == pool), "")
    if storage:
        name = storage.rpartition("/")[2]
        raise failed(f"delete pool failed: pool '{pool}' is not empty (contains storage '{name}')")
    del cluster.pools[pool]
    cluster.identity.acl.pop(f"/pool/{pool}", None)
    cluster.identity.changed()
    return None
