"""processes of a run

Revision: a4f542200cba, after f51ba30c3f47
"""

import sqlalchemy as sa
from alembic import op

revision = "a4f542200cba"
down_revision = "f51ba30c3f47"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In place on SQLite, too, with the CHECK at the column: the copy that batch mode makes otherwise would lose what SQLite
    # cannot reflect, the queue's index on an expression and AUTOINCREMENT, without a word.
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.add_column(
            sa.Column(
                "processes",
                sa.Integer(),
                sa.CheckConstraint("processes BETWEEN 1 AND 64", name=op.f("ck_run_processes")),
                server_default=sa.text("1"),
                nullable=False,
            )
        )


def downgrade() -> None:
    # The CHECK goes with its column, on both databases.
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("processes")
