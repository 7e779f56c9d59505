"""What the pages and the API share: the store, the secret, the limits."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from preceptor.labeling.model import Shared
from preceptor.labeling.security import Limit, Slots
from preceptor.labeling.tasks.base import Respond
from preceptor.records.withdrawn import Withdrawn
from preceptor.store import Database
from preceptor.store.tables import Labeler

if TYPE_CHECKING:
    from preceptor.labeling.quality import Boards


@dataclass(frozen=True)
class Room:
    """Everything that a request may need."""

    database: Database
    secret: bytes
    root_path: str = ""
    """The prefix under which a proxy serves the pages, such as '/labels'."""
    respond: Respond | None = None
    """None when no model is served."""
    project: Path | None = None
    """The folder whose artifacts an admin may choose from."""
    sign_in_limit: Limit = field(default_factory=lambda: Limit(burst=10, per_minute=2))
    """Tries for each name from each address."""
    address_limit: Limit = field(default_factory=lambda: Limit(burst=60, per_minute=30))
    """Tries to sign in or to use an invitation, for each address."""
    submit_limit: Limit = field(default_factory=lambda: Limit(burst=40, per_minute=40))
    """Submissions of each person; simulated labelers have no limit."""
    model_slots: Slots = field(default_factory=lambda: Slots(num=8, num_each=2))
    """Calls of the model that go on at once; a slow one must not hold all threads of the server."""

    @property
    def withdrawn(self) -> Withdrawn:
        """Who withdrew from the project, as of now."""
        return Withdrawn.of(self.project) if self.project else Withdrawn.nobody()

    def model_for(self, labeler: Labeler) -> Respond | None:
        """The model, for somebody who shares it with others."""
        return None if self.respond is None else Shared(self.respond, self.model_slots, str(labeler.id))

    @cached_property
    def boards(self) -> "Boards":
        """The figures of the Quality board."""
        # numpy and scipy take their time to load: the room opens without them.
        from preceptor.labeling.quality import Boards

        return Boards()


def room_of(request: Request) -> Room:
    """The room that a request came into."""
    return cast(Room, request.app.state.room)
