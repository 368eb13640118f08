"""Nodes: the operator's view of a cluster member: its status, capacity, bridges and events."""
