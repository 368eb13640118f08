"""The methods of the API, one module per branch of its tree."""

from __future__ import annotations

from pvesim.api import Routes
from pvesim.routes import (
    access,
    backups,
    bulk,
    certificates,
    cluster,
    configuration,
    containers,
    copies,
    domains,
    firewall,
    groups,
    guests,
    ha,
    ha_rules,
    hardware,
    machines,
    migration,
    network,
    nodeconfig,
    nodes,
    pools,
    power,
    replication,
    roles,
    rrddata,
    small,
    snapshots,
    software,
    storage,
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
        access, users, groups, tokens, roles, domains, tfa, cluster, nodes, nodeconfig, network, system_services, software,
        hardware, certificates, firewall, rrddata, guests, containers, machines, configuration, power, snapshots, copies,
        migration, ha, ha_rules, replication, bulk, pools, backups, storage, tasks, small,
    ):  # fmt: skip
        branch.register(routes)
    return routes
