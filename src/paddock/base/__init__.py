"""The ground floor: errors, database, context, events, loops, vault, log. Knows nothing of Proxmox or of Paddock's things."""
