"""The methods of the API, one module per branch of its tree."""

from __future__ import annotations

from pvesim.api import Routes
from pvesim.routes import (
    access,
    backup_jobs,
    backups,
    bulk,
    certificates,
    cluster,
    configuration,
    containers,
    content,
    copies,
    datacenter,
    domains,
    downloads,
    firewall,
    groups,
    guests,
    ha,
    ha_rules,
    hardware,
    machines,
    metrics,
    migration,
    network,
    nodeconfig,
    nodes,
    pools,
    power,
    prune,
    replication,
    roles,
    rrddata,
    small,
    snapshots,
    software,
    storage,
    storage_config,
    system_services,
    tasks,
    tfa,
    tokens,
    users,
)


def all_routes() -> Routes:
    """Every method that the simulator has."""
    routes = Routes()
    for branch in (
        access, users, groups, tokens, roles, domains, tfa, cluster, datacenter, metrics, nodes, nodeconfig, network, system_services,
        software, hardware, certificates, firewall, rrddata, guests, containers, machines, configuration, power, snapshots, copies,
        migration, ha, ha_rules, replication, bulk, pools, storage, storage_config, content, downloads, prune, backups,
        backup_jobs, tasks, small,
    ):  # fmt: skip
        branch.register(routes)
    return routes
