"""The methods of the API, one module per branch of its tree."""

from __future__ import annotations

from pvesim.api import Routes
from pvesim.routes import (
    access,
    backups,
    bulk,
    cluster,
    configuration,
    containers,
    copies,
    guests,
    ha,
    ha_rules,
    host,
    machines,
    migration,
    nodes,
    pools,
    power,
    replication,
    roles,
    small,
    snapshots,
    storage,
    tasks,
    tokens,
    users,
)


def all_routes() -> Routes:
    """Every method that the simulator has."""
    routes = Routes()
    for branch in (
        access, users, tokens, roles, cluster, nodes, host, guests, containers, machines, configuration, power, snapshots, copies,
        migration, ha, ha_rules, replication, bulk, pools, backups, storage, tasks, small,
    ):  # fmt: skip
        branch.register(routes)
    return routes
