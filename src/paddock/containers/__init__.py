"""LXC containers."""
