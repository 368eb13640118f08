"""The database's shape over time (Alembic), and how it is brought up to date."""
