"""Documents: plain text to pre-train on."""

from preceptor.records.base import Record


class Document(Record):
    """A text as found, such as a web page: the pretraining mix of PPO-ptx (Ouyang et al. 2022, section 3.5)."""

    id: str
    """Unique in its artifact."""
    text: str
    """The text, untouched."""
    source: str = "unknown"
    """Where it came from."""
