"""Paddock: cluster management for Proxmox VE."""

__version__ = "0.1.0"
