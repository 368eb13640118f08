"""Pools of guests and storages: /pools, by query as since 8.1 or by path as before.

Source: pve-manager `API2/Pool.pm`; what a pool gives to its members is `Identity.privileges`.
"""

from __future__ import annotations

import msgspec

from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.permissions import may_modify_path, writable
from pvesim.routes.cluster import storage_row, visible_pools
from pvesim.sampling import guest_row, sample_of

_NOT_A_MEMBERS = ("pool", "tags", "lock")  # only in /cluster/resources
_DEEPEST = 3


def register(routes: Routes) -> None:
    routes.get("/pools")(_list)
    routes.post("/pools")(_create)
    routes.put("/pools")(_change)
    routes.delete("/pools")(_delete)
    routes.get("/pools/{poolid}")(_one)
    routes.put("/pools/{poolid}")(_change)
    routes.delete("/pools/{poolid}")(_delete)


def _list(call: Call) -> object:
    pool = call.params.get("poolid")
    if pool is None:
        return call.mixed([_named(call, each) for each in visible_pools(call)])
    call.need(f"/pool/{pool}", "Pool.Audit")
    return [_whole(call, pool)]


def _one(call: Call) -> object:
    return _whole(call, call.params["poolid"])


def _named(call: Call, pool: str) -> dict[str, object]:
    comment = call.cluster.pools[pool]
    return {"poolid": pool, "comment": comment} if comment else {"poolid": pool}


def _whole(call: Call, pool: str) -> dict[str, object]:
    _existing(call, pool)
    return {**_named(call, pool), "members": _members(call, pool)}


def _existing(call: Call, pool: str, failure: str = "") -> None:
    if pool not in call.cluster.pools:
        raise failed(f"{failure}pool '{pool}' does not exist")


def storages_of(call: Call, pool: str) -> list[str]:
    found = call.cluster.identity.storage_pools.items()
    return sorted(path.removeprefix("/storage/") for path, pools in found if pool in pools)


def _members(call: Call, pool: str) -> list[dict[str, object]]:
    wanted, rows = call.params.get("type"), []
    guests = (guest for guest in call.cluster.guests.values() if guest.pool == pool)
    for guest in sorted(guests, key=lambda guest: str(guest.vmid)):
        if wanted in (None, guest.kind):
            row = msgspec.json.decode(guest_row(guest, sample_of(guest.node)), type=dict[str, object])
            rows.append({key: value for key, value in row.items() if key not in _NOT_A_MEMBERS})
    for name in storages_of(call, pool) if wanted in (None, "storage") else ():
        storage = call.cluster.storages.get(name)
        if storage is not None:
            node = call.node if call.node.has(storage) else call.cluster.nodes[sorted(storage.nodes)[0]]
            rows.append(storage_row(storage, node, call.list_text(storage.content), sample_of(node)))
    return rows


def _create(call: Call) -> object:
    pool = call.params["poolid"]
    writable(call, "create pool failed")
    if pool in call.cluster.pools:
        raise failed(f"create pool failed: pool '{pool}' already exists")
    parent = pool.rpartition("/")[0]
    if pool.count("/") >= _DEEPEST:
        raise failed(f"create pool failed: pool '{pool}' exceeds maximum nesting depth of {_DEEPEST}")
    if parent and parent not in call.cluster.pools:
        raise failed(f"create pool failed: parent '{parent}' of pool '{pool}' does not exist")
    call.cluster.pools[pool] = call.params.get("comment", "")
    return None


def _change(call: Call) -> object:
    given, cluster = call.params, call.cluster
    pool, failure = given["poolid"], "update pools failed: "
    writable(call, "update pools failed")
    _existing(call, pool, failure)
    remove, move = call.flag("delete"), call.flag("allow-move")
    vmids = [int(word) for word in words(given.get("vms", ""))]
    storages = words(given.get("storage", ""))
    for vmid in vmids:
        may_modify_path(call, f"/vms/{vmid}")
        guest = cluster.guests.get(vmid)
        if guest is None and not remove:
            raise failed(f"{failure}VM {vmid} does not exist")
        at = guest.pool if guest is not None else ""
        if remove and at != pool:
            raise failed(f"{failure}VM {vmid} is not a pool member")
        if not remove and at == pool:
            raise failed(f"{failure}VM {vmid} is already a pool member")
        if not remove and at:
            if not move:
                raise failed(f"{failure}VM {vmid} belongs already to pool '{at}' and 'allow-move' is not set")
            call.need(f"/pool/{at}", "Pool.Allocate")
    held = storages_of(call, pool)
    for name in storages:
        may_modify_path(call, f"/storage/{name}")
        if remove and name not in held:
            raise failed(f"{failure}Storage '{name}' is not a pool member")
        if not remove and name in held:
            raise failed(f"{failure}Storage '{name}' is already a pool member")
    if "comment" in given:
        cluster.pools[pool] = given["comment"]
    _put(call, pool, vmids, storages, remove=remove)
    return None


def _put(call: Call, pool: str, vmids: list[int], storages: list[str], *, remove: bool) -> None:
    cluster, identity = call.cluster, call.cluster.identity
    for vmid in vmids:
        guest = cluster.guests.get(vmid)
        if guest is None:
            continue
        guest.pool = "" if remove else pool
        identity.pool_of.pop(f"/vms/{vmid}", None)
        if guest.pool:
            identity.pool_of[f"/vms/{vmid}"] = pool
        guest.touch()
    for name in storages:
        path = f"/storage/{name}"
        others = tuple(each for each in identity.storage_pools.get(path, ()) if each != pool)
        identity.storage_pools[path] = others if remove else (*others, pool)
    identity.changed()


def _delete(call: Call) -> object:
    cluster, pool, failure = call.cluster, call.params["poolid"], "delete pool failed: "
    writable(call, "delete pool failed")
    _existing(call, pool, failure)
    for other in sorted(cluster.pools):
        if other.startswith(f"{pool}/"):
            raise failed(f"{failure}pool '{pool}' is not empty (contains pool '{other}')")
    for guest in sorted(cluster.guests.values(), key=lambda guest: str(guest.vmid)):
        if guest.pool == pool:
            raise failed(f"{failure}pool '{pool}' is not empty (contains VM {guest.vmid})")
    for name in storages_of(call, pool):
        if name in cluster.storages:
            raise failed(f"{failure}pool '{pool}' is not empty (contains storage '{name}')")
    del cluster.pools[pool]
    cluster.identity.acl.pop(f"/pool/{pool}", None)
    cluster.identity.changed()
    return None
