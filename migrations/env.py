"""Alembic's entry: one tree for SQLite and PostgreSQL. The connection is handed in by `app.migrate`."""

from typing import Any

from alembic import context

import app.models  # noqa: F401 - fills the metadata
from app.orm import Base, Moment


def render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Revisions must not change with the code: our own column type is written as what it is in the database."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite changes tables by copying them.
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
