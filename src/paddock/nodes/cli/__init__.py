"""`paddock nodes`: Proxmox VE servers: the import that brings them in, changes, removal."""

from paddock.nodes.cli import changing, creating, diagnosing, importing, reading
from paddock.terminal.commands import Commands

nodes = Commands(
    "Proxmox VE servers: what their cluster says of them and what Paddock reaches itself.\n\n"
    "A node is named by its name where that is unique, else by CLUSTER/NAME; its id always works."
)
reading.register(nodes)
importing.register(nodes)
creating.register(nodes)
changing.register(nodes)
diagnosing.register(nodes)
app = nodes.app
