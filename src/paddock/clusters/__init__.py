"""Clusters: one Proxmox VE cluster or lone host, its members, how to sign in and what to trust."""
