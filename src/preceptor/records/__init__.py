"""Typed, immutable records: what flows between the stages, and nothing else."""

from preceptor.records.artifacts import (
    KINDS,
    Artifact,
    Manifest,
    read_artifact,
    read_manifest,
    stream_artifact,
    stream_rows,
    write_artifact,
)
from preceptor.records.base import Record
from preceptor.records.candidates import Candidates
from preceptor.records.conversation import Conversation, Origin, Turn
from preceptor.records.document import Document
from preceptor.records.labels import (
    FLAGS,
    Demonstration,
    Flag,
    Labeler,
    Ranking,
    Rating,
    Response,
    ResponseToxicity,
    Sampling,
    ToxicityRating,
)
from preceptor.records.prompt import (
    USE_CASES,
    Message,
    Prompt,
    Role,
    Split,
    UseCase,
    is_pseudonym_of_user,
    pseudonym_of_user,
)
from preceptor.records.splits import draw_split, split_by_group, split_by_response

__all__ = [
    "FLAGS", "KINDS", "USE_CASES", "Artifact", "Candidates", "Conversation", "Demonstration", "Document", "Flag",
    "Labeler", "Manifest", "Message", "Origin", "Prompt", "Ranking", "Rating", "Record", "Response", "ResponseToxicity",
    "Role", "Sampling", "Split", "ToxicityRating", "Turn", "UseCase", "draw_split", "is_pseudonym_of_user",
    "pseudonym_of_user", "read_artifact", "read_manifest", "split_by_group", "split_by_response",
    "stream_artifact", "stream_rows", "write_artifact",
]  # fmt: skip
