"""`paddock clusters`: Proxmox VE clusters and lone hosts."""

from __future__ import annotations

from paddock.clusters.cli import reading, removing, trust
from paddock.clusters.sign_in import cli as sign_in
from paddock.terminal.commands import Commands

clusters = Commands(
    "Proxmox VE clusters and lone hosts: quorum, trust, sign-in, and whether Paddock can read them.\n\n"
    "Clusters come with their nodes: see `paddock nodes import`."
)
reading.register(clusters)
trust.register(clusters)
sign_in.register(clusters)
removing.register(clusters)
app = clusters.app
