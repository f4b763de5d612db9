"""the workbench: archived, coloured and imported runs; saved views and reports

Revision: e83b6f2d9a10, after c7d1e09b52f4
"""

import sqlalchemy as sa
from alembic import op

revision = "e83b6f2d9a10"
down_revision = "c7d1e09b52f4"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # In place on SQLite: a copy of the table would lose what SQLite cannot reflect.
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("colour", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("logdir", sa.Text(), nullable=True))
    op.create_table(
        "saved_view",
        sa.Column("id", _ID, nullable=False),
        sa.Column("experiment_id", _ID, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name=op.f("fk_saved_view_experiment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_saved_view_owner_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("experiment_id", "name", name=op.f("uq_saved_view_experiment_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_saved_view_experiment_id", "saved_view", ["experiment_id"])
    op.create_table(
        "report",
        sa.Column("id", _ID, nullable=False),
        sa.Column("experiment_id", _ID, nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name=op.f("fk_report_experiment_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_report_owner_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_experiment_id", "report", ["experiment_id"])


def downgrade() -> None:
    op.drop_table("report")
    op.drop_table("saved_view")
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        for column in ("logdir", "colour", "archived_at"):
            batch_op.drop_column(column)
