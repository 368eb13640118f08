"""How a member is reached, what the cluster reports of it, who joined; nodes that were removed

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from paddock.base.db import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("host", sa.String(length=255), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("reported", sa.String(length=255), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("joined_at", UtcDateTime(), nullable=True))
    op.create_table(
        "tombstones",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("identity", sa.String(length=95), nullable=False),
        sa.Column("cluster", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("url", sa.String(length=300), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=True),
        sa.Column("trust_mode", sa.String(length=16), nullable=False),
        sa.Column("credential_kind", sa.String(length=16), nullable=False),
        sa.Column("credential_name", sa.String(length=255), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=False),
        sa.Column("removed_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("unasked", sa.Text(), nullable=False),
        sa.Column("returned_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"], ["sites.id"], name=op.f("fk_tombstones_site_id_sites"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
    )
    with op.batch_alter_table("tombstones", schema=None) as batch_op:
        batch_op.create_index("ix_tombstones_identity_name", ["identity", "name"], unique=False)


def downgrade() -> None:
    op.drop_table("tombstones")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_column("joined_at")
        batch_op.drop_column("reported")
        batch_op.drop_column("host")
