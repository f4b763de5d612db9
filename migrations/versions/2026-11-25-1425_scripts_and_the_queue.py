"""scripts and the queue: snapshots, environments, settings; order, dependencies and sweeps of runs

Revision: c7d1e09b52f4, after a4f542200cba
"""

import sqlalchemy as sa
from alembic import op

revision = "c7d1e09b52f4"
down_revision = "a4f542200cba"
branch_labels = None
depends_on = None

_NEW = "'dependency_failed', 'bad_environment'"
_REASONS = (
    "'completed', 'cancelled_by_user', 'exception', 'exit_code', 'signal', 'out_of_memory', 'disk_full', 'non_finite_loss', "
    "'timeout', 'bad_params', 'bad_device', 'worker_lost', 'worker_drained', 'poisoned', 'checkpoint_unreadable'"
)


def upgrade() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=False),
        sa.Column("entrypoints", sa.JSON(), nullable=False),
        sa.Column("forms", sa.JSON(), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_snapshot_owner_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
    )
    op.create_table(
        "environment",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("python", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_environment")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
    # In place on SQLite: see the migration before this one.
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column("environment", sa.String(100), server_default=sa.text("'worker'"), nullable=False)
        )
        batch_op.add_column(sa.Column("git", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("git_diff", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("rank", sa.Float(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(
            sa.Column("after_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("sweep", sa.String(36), nullable=True))
    op.execute("UPDATE run SET rank = id")
    op.drop_index("ix_run_queue", table_name="run")
    _queue_index("rank", "id")
    op.create_index("ix_run_after_id", "run", ["after_id"])
    op.create_index("ix_run_sweep", "run", ["sweep"])
    op.create_index("ix_run_snapshot_id", "run", ["snapshot_id"])
    _replace_reasons(f"{_REASONS}, {_NEW}")


def downgrade() -> None:
    op.execute("UPDATE run SET reason = 'cancelled_by_user' WHERE reason = 'dependency_failed'")
    op.execute("UPDATE run SET reason = 'bad_params' WHERE reason = 'bad_environment'")
    _replace_reasons(_REASONS)
    for name in ("ix_run_snapshot_id", "ix_run_sweep", "ix_run_after_id", "ix_run_queue"):
        op.drop_index(name, table_name="run")
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        for column in ("sweep", "after_id", "rank", "git_diff", "git", "environment"):
            batch_op.drop_column(column)
    _queue_index("id")
    for table in ("setting", "environment", "snapshot"):
        op.drop_table(table)


def _queue_index(*columns: str) -> None:
    op.create_index(
        "ix_run_queue",
        "run",
        [sa.text("priority DESC"), *columns],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )


def _replace_reasons(reasons: str) -> None:
    """Put another list of reasons into the CHECK.

    SQLite has no statement for it. Its documentation of ALTER TABLE has the way for a change that does not touch what
    is stored: write the new text into sqlite_schema and raise the schema's version, all in the one transaction.
    """
    check = f"reason IS NULL OR reason IN ({reasons})"
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_run_reason"), "run", type_="check")
        op.create_check_constraint(op.f("ck_run_reason"), "run", check)
        return
    old = connection.scalar(sa.text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'run'"))
    head, begin, rest = old.partition("CONSTRAINT ck_run_reason CHECK (")
    _, end, tail = rest.partition("))")
    if not begin or not end:
        raise RuntimeError("the table run has no CHECK named ck_run_reason")
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    connection.execute(
        sa.text("UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = 'run'"),
        {"sql": f"{head}{begin}{check}){tail}"},
    )
    connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))
