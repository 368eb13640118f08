"""Credentials of single members, since when a credential is there, and what Paddock has made on a cluster

Revision ID: 0004
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OWN = (
    ("credential_kind", sa.String(16)),
    ("credential_name", sa.String(255)),
    ("credential_sealed", sa.Text()),
)


def upgrade() -> None:
    with op.batch_alter_table("clusters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("credential_since", sa.DateTime(), nullable=True))
    with op.batch_alter_table("members", schema=None) as batch_op:
        for name, kind in OWN:
            batch_op.add_column(sa.Column(name, kind, nullable=False, server_default=""))
    op.create_table(
        "deeds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("cluster_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("verb", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("administrator", sa.String(length=255), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.Column("removed_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["clusters.id"], name=op.f("fk_deeds_cluster_id_clusters"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deeds")),
    )
    with op.batch_alter_table("deeds", schema=None) as batch_op:
        batch_op.create_index("ix_deeds_cluster_id", ["cluster_id"], unique=False)


def downgrade() -> None:
    op.drop_table("deeds")
    with op.batch_alter_table("members", schema=None) as batch_op:
        for name, _ in OWN:
            batch_op.drop_column(name)
    with op.batch_alter_table("clusters", schema=None) as batch_op:
        batch_op.drop_column("credential_since")
