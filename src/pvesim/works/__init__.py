"""What tasks do: one module per kind of work. A work is a generator; see `pvesim.tasks`."""
