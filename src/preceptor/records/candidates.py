"""Responses that wait to be ranked."""

from pydantic import Field

from preceptor.records.base import Record
from preceptor.records.labels import Response
from preceptor.records.prompt import Prompt


class Candidates(Record):
    """A prompt and the K responses that a labeler is to rank; the ranking takes over its id."""

    id: str
    """Unique in its artifact."""
    prompt: Prompt
    """What was asked."""
    responses: tuple[Response, ...] = Field(min_length=1)
    """What is to be ranked."""
