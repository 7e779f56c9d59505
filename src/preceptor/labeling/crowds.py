"""Which labelers may be in one figure: simulated and human ones, training and held-out ones, are kept apart."""

from typing import NamedTuple, get_args

from preceptor.store.tables import Group, Labeler, Origin


class Crowd(NamedTuple):
    """Labelers who may be in one figure."""

    origin: Origin
    group: Group

    @classmethod
    def of(cls, labeler: Labeler) -> "Crowd":
        """The crowd that a labeler is in."""
        return cls(labeler.origin, labeler.group)


CROWDS = tuple(Crowd(origin, group) for origin in get_args(Origin) for group in get_args(Group))
"""All there are; people first, training labelers first."""
