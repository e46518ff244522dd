"""Run migrations on the connection that the caller gives, inside its transaction."""

from __future__ import annotations

from alembic import context

from edgebench.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
