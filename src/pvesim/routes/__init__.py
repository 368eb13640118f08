"""The methods of the API, one module per branch of its tree."""

from __future__ import annotations

from pvesim.api import Routes
from pvesim.routes import access, cluster, guests, nodes, roles, small, storage, tasks, tokens, users


def all_routes() -> Routes:
    """Every method that the simulator has."""
    routes = Routes()
    for branch in (access, users, tokens, roles, cluster, nodes, guests, storage, tasks, small):
        branch.register(routes)
    return routes
