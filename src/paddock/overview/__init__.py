"""Overview: what needs attention, and search over everything."""
