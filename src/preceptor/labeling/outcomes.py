"""What may come of a request besides what was asked for. Texts are for people, in English, and keys of translations."""

from typing import Any


class Missing(Exception):
    """There is no such thing, or not for this labeler; the two must look the same."""


class Refused(Exception):
    """What was sent cannot be accepted as it is."""

    def __init__(self, text: str, **values: Any) -> None:
        self.text, self.values = text, values
        super().__init__(text.format(**values))


class TooFast(Refused):
    """Sent too often; the same is welcome in a while."""


class Stale(Exception):
    """A draft was saved elsewhere in the meantime; the latest one comes along, to merge with."""

    def __init__(self, revision: int, content: dict[str, Any]) -> None:
        self.revision, self.content = revision, content
        super().__init__(f"the draft is at revision {revision}")
