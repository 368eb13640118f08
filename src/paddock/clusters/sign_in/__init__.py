"""How Paddock signs in to a cluster: changing it, tokens of its own, rotation, and what was made for that."""
