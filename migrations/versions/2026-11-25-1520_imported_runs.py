"""imported runs: which folders below the logdir are theirs

Revision: 2f0c8d51ab37, after e83b6f2d9a10
"""

import sqlalchemy as sa
from alembic import op

revision = "2f0c8d51ab37"
down_revision = "e83b6f2d9a10"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In place on SQLite: a copy of the table would lose what SQLite cannot reflect.
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.add_column(sa.Column("imported", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("run", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("imported")
