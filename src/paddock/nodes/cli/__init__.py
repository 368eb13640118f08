"""`paddock nodes`: Proxmox VE servers, and the import that brings them in."""

from paddock.nodes.cli import diagnosing, importing, reading
from paddock.terminal.commands import Commands

nodes = Commands(
    "Proxmox VE servers: what their cluster says of them and what Paddock reaches itself.\n\n"
    "A node is named by its name where that is unique, else by CLUSTER/NAME; its id always works."
)
reading.register(nodes)
importing.register(nodes)
diagnosing.register(nodes)
app = nodes.app
