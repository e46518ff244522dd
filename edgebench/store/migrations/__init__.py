"""Alembic's environment of the store; `edgebench.store.migrate` runs it, without an alembic.ini.

A new migration is a file `versions/rNNNN_what.py` written by hand, and `edgebench.store.schema` brought to the same
state; a test holds the two together.
"""
