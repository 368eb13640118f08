"""Sites: a place with its network."""
