"""The first tables."""

import sqlalchemy as sa
from alembic import op

from preceptor.store.migrations.promises import append_only

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("\"purpose\" IN ('training', 'measurement')", name="ck_exports_purpose_known"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.UniqueConstraint("id", "purpose", name="uq_exports_id_purpose"),
    )
    op.create_table(
        "labelers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("group", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("profile", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("deleted_at", sa.Double(), nullable=True),
        sa.CheckConstraint("\"group\" IN ('training', 'held_out')", name="ck_labelers_group_known"),
        sa.CheckConstraint("\"origin\" IN ('human', 'simulated')", name="ck_labelers_origin_known"),
        sa.CheckConstraint("\"role\" IN ('admin', 'researcher', 'labeler')", name="ck_labelers_role_known"),
        sa.CheckConstraint("\"standing\" IN ('candidate', 'active', 'paused')", name="ck_labelers_standing_known"),
        sa.PrimaryKeyConstraint("id", name="pk_labelers"),
        sa.UniqueConstraint("id", "group", name="uq_labelers_id_group"),
        sa.UniqueConstraint("name", name="uq_labelers_name"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    op.create_table(
        "stages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("group", sa.String(length=16), nullable=True),
        sa.Column("is_screening", sa.Boolean(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("guideline", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("\"group\" IN ('training', 'held_out')", name="ck_stages_group_known"),
        sa.CheckConstraint("\"state\" IN ('open', 'paused', 'closed')", name="ck_stages_state_known"),
        sa.CheckConstraint("overlap >= 1", name="ck_stages_overlap_positive"),
        sa.PrimaryKeyConstraint("id", name="pk_stages"),
        sa.UniqueConstraint("name", name="uq_stages_name"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column("is_taken", sa.Boolean(), nullable=False),
        sa.Column("scores", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["labelers.id"], name="fk_decisions_decided_by"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_decisions_labeler_id"),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_labeler_id", "decisions", ["labeler_id"], unique=False)
    op.create_table(
        "guidelines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["labelers.id"], name="fk_guidelines_created_by"),
        sa.PrimaryKeyConstraint("id", name="pk_guidelines"),
        sa.UniqueConstraint("name", "version", name="uq_guidelines_name_version"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("group", sa.String(length=16), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("\"group\" IN ('training', 'held_out')", name="ck_invitations_group_known"),
        sa.CheckConstraint("\"role\" IN ('admin', 'researcher', 'labeler')", name="ck_invitations_role_known"),
        sa.CheckConstraint("\"standing\" IN ('candidate', 'active', 'paused')", name="ck_invitations_standing_known"),
        sa.ForeignKeyConstraint(["created_by"], ["labelers.id"], name="fk_invitations_created_by"),
        sa.ForeignKeyConstraint(["used_by"], ["labelers.id"], name="fk_invitations_used_by"),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("token_hash", name="uq_invitations_token_hash"),
    )
    op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("gold", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("repeats_id", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("num_counted", sa.Integer(), nullable=False),
        sa.Column("is_retired", sa.Boolean(), nullable=False),
        sa.Column("is_sensitive", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("\"lane\" IN ('ordinary', 'gold', 'repeat')", name="ck_items_lane_known"),
        sa.ForeignKeyConstraint(["author_id"], ["labelers.id"], name="fk_items_author_id"),
        sa.ForeignKeyConstraint(["repeats_id"], ["items.id"], name="fk_items_repeats_id"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], name="fk_items_stage_id"),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
        sa.UniqueConstraint("id", "stage_id", name="uq_items_id_stage_id"),
        sa.UniqueConstraint("stage_id", "key", name="uq_items_stage_id_key"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_sign_ins_labeler_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sign_ins"),
    )
    op.create_index("ix_sign_ins_labeler_id", "sign_ins", ["labeler_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_tokens_labeler_id"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
    )
    op.create_index("ix_tokens_labeler_id", "tokens", ["labeler_id"], unique=False)
    op.create_table(
        "addressees",
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_addressees_item_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_addressees_labeler_id"),
        sa.PrimaryKeyConstraint("item_id", "labeler_id", name="pk_addressees"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("group", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("shown", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("guideline_id", sa.Integer(), nullable=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("active_s", sa.Double(), nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.Column("revises_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("(status = 'revision') = (revises_id IS NOT NULL)", name="ck_answers_revision_revises"),
        sa.CheckConstraint("\"status\" IN ('counted', 'surplus', 'revision', 'gold')", name="ck_answers_status_known"),
        sa.ForeignKeyConstraint(["guideline_id"], ["guidelines.id"], name="fk_answers_guideline_id"),
        sa.ForeignKeyConstraint(
            ["item_id", "stage_id"], ["items.id", "items.stage_id"], name="fk_answers_item_id_stage_id"
        ),
        sa.ForeignKeyConstraint(
            ["labeler_id", "group"], ["labelers.id", "labelers.group"], name="fk_answers_labeler_id_group"
        ),
        sa.ForeignKeyConstraint(["revises_id"], ["answers.id"], name="fk_answers_revises_id"),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint("id", "group", name="uq_answers_id_group"),
        sa.UniqueConstraint("revises_id", name="uq_answers_revises_id"),
    )
    op.create_index("ix_answers_labeler", "answers", ["labeler_id", "stage_id"], unique=False)
    op.create_index("ix_answers_stage", "answers", ["stage_id", "created_at"], unique=False)
    op.create_index(
        "uq_answers_first",
        "answers",
        ["item_id", "labeler_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('counted', 'surplus')"),
        postgresql_where=sa.text("status IN ('counted', 'surplus')"),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("stage_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("shown", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.Column("heartbeat_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_claims_item_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_claims_labeler_id"),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], name="fk_claims_stage_id"),
        sa.PrimaryKeyConstraint("id", name="pk_claims"),
        sa.UniqueConstraint("item_id", "labeler_id", name="uq_claims_item_id_labeler_id"),
    )
    op.create_index("ix_claims_mine", "claims", ["labeler_id", "stage_id"], unique=False)
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("thread_of", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_comments_item_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_comments_labeler_id"),
        sa.ForeignKeyConstraint(["thread_of"], ["labelers.id"], name="fk_comments_thread_of"),
        sa.PrimaryKeyConstraint("id", name="pk_comments"),
    )
    op.create_index("ix_comments_item_id", "comments", ["item_id"], unique=False)
    op.create_index("ix_comments_labeler_id", "comments", ["labeler_id"], unique=False)
    op.create_index("ix_comments_thread_of", "comments", ["thread_of"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("active_s", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_drafts_item_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_drafts_labeler_id"),
        sa.PrimaryKeyConstraint("id", name="pk_drafts"),
        sa.UniqueConstraint("item_id", "labeler_id", name="uq_drafts_item_id_labeler_id"),
    )
    op.create_index("ix_drafts_labeler_id", "drafts", ["labeler_id"], unique=False)
    op.create_table(
        "skips",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("labeler_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_skips_item_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.id"], name="fk_skips_labeler_id"),
        sa.PrimaryKeyConstraint("id", name="pk_skips"),
        sa.UniqueConstraint("item_id", "labeler_id", name="uq_skips_item_id_labeler_id"),
    )
    op.create_index("ix_skips_labeler_id", "skips", ["labeler_id"], unique=False)
    op.create_table(
        "demonstration_ratings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("researcher_id", sa.Integer(), nullable=False),
        sa.Column("likert", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("likert BETWEEN 1 AND 7", name="ck_demonstration_ratings_likert_in_range"),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name="fk_demonstration_ratings_answer_id"),
        sa.ForeignKeyConstraint(["researcher_id"], ["labelers.id"], name="fk_demonstration_ratings_researcher_id"),
        sa.PrimaryKeyConstraint("id", name="pk_demonstration_ratings"),
    )
    op.create_index("ix_demonstration_ratings_answer_id", "demonstration_ratings", ["answer_id"], unique=False)
    op.create_index("ix_demonstration_ratings_researcher_id", "demonstration_ratings", ["researcher_id"], unique=False)
    op.create_table(
        "exported_answers",
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("group", sa.String(length=16), nullable=False),
        sa.CheckConstraint(
            "purpose <> 'training' OR \"group\" = 'training'", name="ck_exported_answers_held_out_never_trains"
        ),
        sa.ForeignKeyConstraint(
            ["answer_id", "group"], ["answers.id", "answers.group"], name="fk_exported_answers_answer_id_group"
        ),
        sa.ForeignKeyConstraint(
            ["export_id", "purpose"], ["exports.id", "exports.purpose"], name="fk_exported_answers_export_id_purpose"
        ),
        sa.PrimaryKeyConstraint("export_id", "answer_id", name="pk_exported_answers"),
    )
    op.create_table(
        "adjudications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=False),
        sa.Column("answer_id", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.CheckConstraint("note <> '' OR answer_id IS NOT NULL", name="ck_adjudications_says_something"),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name="fk_adjudications_answer_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["labelers.id"], name="fk_adjudications_decided_by"),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name="fk_adjudications_item_id"),
        sa.PrimaryKeyConstraint("id", name="pk_adjudications"),
    )
    op.create_index("ix_adjudications_item_id", "adjudications", ["item_id"], unique=False)
    op.create_table(
        "prompt_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("options_hash", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("options", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("num_read", sa.Integer(), nullable=False),
        sa.Column("num_added", sa.Integer(), nullable=False),
        sa.Column("refused", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prompt_files"),
        sa.UniqueConstraint("content_hash", "options_hash", name="uq_prompt_files_content_hash_options_hash"),
    )
    op.create_table(
        "prompts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("given_id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("use_case", sa.Text(), nullable=True),
        sa.Column("messages", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("details", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["prompt_files.id"], name="fk_prompts_file_id"),
        sa.PrimaryKeyConstraint("key", name="pk_prompts"),
        sa.UniqueConstraint("file_id", "given_id", name="uq_prompts_file_id_given_id"),
    )
    op.create_index("ix_prompts_user", "prompts", ["user"], unique=False)
    columns = ["stage_id", "lane", "is_retired", sa.text("num_counted DESC"), "position"]
    op.create_index("ix_items_line", "items", columns)
    append_only("answers")
    append_only("guidelines")
    append_only("exported_answers")
    append_only("adjudications")
