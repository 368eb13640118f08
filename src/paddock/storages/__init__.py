"""Storages, as each node sees them."""
