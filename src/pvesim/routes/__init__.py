"""The methods of the API, one module per branch of its tree."""

from __future__ import annotations

from pvesim.api import Routes
from pvesim.routes import (
    access,
    backup_jobs,
    backups,
    cluster,
    configuration,
    containers,
    content,
    downloads,
    guests,
    machines,
    nodes,
    pools,
    power,
    prune,
    roles,
    small,
    storage,
    storage_config,
    tasks,
    tokens,
    users,
)


def all_routes() -> Routes:
    """Every method that the simulator has."""
    routes = Routes()
    for branch in (
        access, users, tokens, roles, pools, cluster, nodes, guests, containers, configuration, machines, power,
        storage, storage_config, content, downloads, prune, backups, backup_jobs, tasks, small,
    ):  # fmt: skip
        branch.register(routes)
    return routes
