"""Alembic's entry: it is always called with a connection, in a transaction that the caller ends."""

from alembic import context

from paperlark.store import tables

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=tables.METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
