"""Products, categories, pictures, their vectors, and what changed."""

import sqlalchemy as sa
from alembic import op

from feria.storage.rows import Moment, blob, counter, key

revision = "0004"
down_revision = "0003"

identity = counter().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "categories",
        sa.Column("path", key(200), nullable=False),
        sa.Column("title_es", sa.String(200), nullable=False),
        sa.Column("title_en", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("path", name="pk_categories"),
    )
    op.create_table(
        "products",
        sa.Column("id", identity, nullable=False, autoincrement=True),
        sa.Column("sku", key(64), nullable=False),
        sa.Column("title_es", sa.String(300), nullable=False),
        sa.Column("title_en", sa.String(300), nullable=False),
        sa.Column("description_es", sa.Text(), nullable=False),
        sa.Column("description_en", sa.Text(), nullable=False),
        sa.Column("category", key(200), nullable=True),
        sa.Column("brand", key(100), nullable=False),
        sa.Column("price", counter(), nullable=False),
        sa.Column("currency", key(3), nullable=False),
        sa.Column("attributes", blob(), nullable=False),
        sa.Column("stock", counter(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint("sku", name="uq_products_sku"),
        sa.ForeignKeyConstraint(["category"], ["categories.path"], name="fk_products_category"),
        sqlite_autoincrement=True,
    )
    for column in ("category", "brand", "price"):
        op.create_index(f"ix_products_{column}", "products", [column])
    op.create_table(
        "product_pictures",
        sa.Column("product_id", counter(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("thumbnail", key(64), nullable=False),
        sa.Column("source", key(64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", "position", name="pk_product_pictures"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name="fk_product_pictures_product_id", ondelete="CASCADE"
        ),
    )
    for column in ("digest", "thumbnail", "source"):
        op.create_index(f"ix_product_pictures_{column}", "product_pictures", [column])
    op.create_table(
        "picture_vectors",
        sa.Column("model", key(64), nullable=False),
        sa.Column("digest", key(64), nullable=False),
        sa.Column("vector", blob(), nullable=False),
        sa.PrimaryKeyConstraint("model", "digest", name="pk_picture_vectors"),
    )
    op.create_table(
        "catalog_changes",
        sa.Column("id", counter(), nullable=False, autoincrement=False),
        sa.Column("product_id", counter(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_changes"),
    )
    turn = op.create_table(
        "catalog_turn",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("last_change", counter(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_turn"),
    )
    op.bulk_insert(turn, [{"id": 1, "last_change": 0}])


def downgrade() -> None:
    for table in (
        "catalog_turn",
        "catalog_changes",
        "picture_vectors",
        "product_pictures",
        "products",
        "categories",
    ):
        op.drop_table(table)
