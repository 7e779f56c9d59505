"""Typed, immutable records: what flows between the stages, and nothing else."""

from preceptor.records.artifacts import Artifact, Manifest, read_artifact, read_jsonl, write_artifact
from preceptor.records.base import Record
from preceptor.records.labels import FLAGS, Demonstration, Flag, Labeler, Ranking, Rating, Response, Sampling
from preceptor.records.prompt import USE_CASES, Message, Prompt, Role, Split, UseCase

__all__ = [
    "FLAGS", "USE_CASES", "Artifact", "Demonstration", "Flag", "Labeler", "Manifest", "Message", "Prompt",
    "Ranking", "Rating", "Record", "Response", "Role", "Sampling", "Split", "UseCase",
    "read_artifact", "read_jsonl", "write_artifact",
]  # fmt: skip
