"""Alembic's environment of the store; `edgebench.store.migrate` runs it, without an alembic.ini."""
