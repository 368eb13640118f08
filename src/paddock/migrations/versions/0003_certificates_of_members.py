"""The certificates of members: believed, refused, and the name that they are checked for

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # in one statement each: SQLite adds columns that are not null only with a default
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("server_name", sa.String(255), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("certificate_pem", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("refused_pem", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("members", schema=None) as batch_op:
        for name in ("refused_at", "refused_pem", "certificate_pem", "server_name"):
            batch_op.drop_column(name)
