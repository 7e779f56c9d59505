"""Feedback by the simulated labelers at work in a labelling room: the same labels, by way of its API and its export."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from preceptor.labeling import accounts
from preceptor.labeling.api import ItemOut
from preceptor.labeling.client import RoomClient
from preceptor.labeling.export import export_artifacts
from preceptor.labeling.gathering import pseudonym
from preceptor.labeling.intake import Plan, Todo, fill, stages_of
from preceptor.labeling.server import open_room, serve_beside
from preceptor.labeling.stages import NewItem
from preceptor.pipeline.feedback import Evidence
from preceptor.pipeline.imported import Imported
from preceptor.pipeline.recipe import Recipe
from preceptor.pipeline.simulated import SimulatedFeedback
from preceptor.records import Candidates, Demonstration, Prompt, Ranking, Rating, Record, Response
from preceptor.records.withdrawn import Withdrawn
from preceptor.runs.progress import Progress
from preceptor.simulation.labelers import SimulatedLabeler
from preceptor.store import Database
from preceptor.store.tables import Export, Labeler, Stage, Token

NUM_AT_ONCE = 8
"""Labelers at work at the same time."""
TOKEN = "simulated labeler"
"""Name of the tokens that they work with."""

Row = Prompt | Candidates
Pairs = Sequence[tuple[SimulatedLabeler, Any]]
"""Who does which row."""
Labels = Mapping[tuple[type[Record], str, str], Any]
"""What came out of the room, by kind of record, its id and the labeler's own name."""


class ServedFeedback(SimulatedFeedback):
    """The simulated labelers have accounts in the project's labelling room and do there what they would do here.

    Their labels come back through the export. What only a room knows (pseudonyms, when, under which letters) is taken
    off again, so that they are byte for byte those of `SimulatedFeedback`, and so is all that is made of them.
    """

    def __init__(self, recipe: Recipe, imported: Imported, project: Path) -> None:
        super().__init__(recipe, imported)
        self._project = project
        self._plan = Plan(recipe.labels.held_out_share, recipe.labels.labelers_per_test_prompt)

    def demonstrations(self, prompts: Sequence[Prompt], todo: Path) -> list[Demonstration]:
        """One per prompt, by a labeler of the training group."""
        pairs = self.writers(prompts)
        found = self._collect(todo.name, pairs)
        return [_demonstration(labeler, row, found) for labeler, row in pairs]

    def rankings(self, candidates: Sequence[Candidates], todo: Path) -> list[Ranking]:
        """One per prompt; a share of the prompts goes to the held-out group, two of which rank each."""
        pairs = self.rankers(candidates)
        found = self._collect(todo.name, pairs)
        return [_ranking(labeler, row, found) for labeler, row in pairs]

    def evidence(self, candidates: Sequence[Candidates], todo: Path) -> Evidence:
        """Several held-out labelers rank and rate all policies' responses to each test prompt."""
        pairs = self.judges(candidates)
        found = self._collect(todo.name, pairs)
        return Evidence(
            [_ranking(labeler, row, found) for labeler, row in pairs],
            [_rating(labeler, row, response, found) for labeler, row in pairs for response in row.responses],
        )

    def _collect(self, folder: str, pairs: Pairs) -> Labels:
        """Have it done in the room, and read what the room exports."""
        room = open_room(self._project, None)
        try:
            with _accounts(room.database, [labeler for labeler, _ in pairs]) as accounts_of:
                stages = _fill_stages(room.database, stages_of(folder, self._plan), pairs, accounts_of)
                with serve_beside(room) as url:
                    _work(url, f"{folder} in the labelling room", stages, pairs, accounts_of)
                return _read_back(room.database, self._project / "data", self._imported.withdrawn, accounts_of)
        finally:
            room.database.close()


@dataclass(frozen=True)
class Account:
    """A simulated labeler's account, and the token for it."""

    id: int
    token: str


@contextmanager
def _accounts(database: Database, labelers: Sequence[SimulatedLabeler]) -> Iterator[dict[str, Account]]:
    """Accounts by the labelers' own names, made for those who have none; their tokens end with the block."""
    now, found = time.time(), {}
    with database.write() as session:
        for one in {labeler.labeler.id: labeler.labeler for labeler in labelers}.values():
            account = session.scalar(select(Labeler).where(Labeler.name == one.id))
            if account is None:
                account = accounts.add_labeler(session, one.id, group=one.group, origin="simulated", now=now)
            found[one.id] = Account(account.id, accounts.new_token(session, account, TOKEN, now))
    try:
        yield found
    finally:
        with database.write() as session:
            session.execute(update(Token).where(Token.name == TOKEN).values(revoked_at=time.time()))


def _fill_stages(
    database: Database, wanted: Sequence[Todo], pairs: Pairs, accounts_of: Mapping[str, Account]
) -> dict[str, int]:
    """Stages whose items are for those who are to do them; their ids by group of labelers."""
    for todo in wanted:
        rows: dict[str, Row] = {}
        labelers: dict[str, list[int]] = {}
        for labeler, row in pairs:
            if labeler.labeler.group == todo.group:
                rows[row.id] = row
                labelers.setdefault(row.id, []).append(accounts_of[labeler.labeler.id].id)
        overlap = max(map(len, labelers.values()), default=1)
        items = [NewItem(key, row, only_for=tuple(labelers[key])) for key, row in rows.items()]
        fill(database, replace(todo, overlap=overlap), items, now=time.time())
    with database.read() as session:
        kept = session.scalars(select(Stage).where(Stage.name.in_([todo.name for todo in wanted]))).all()
        return {str(stage.group): stage.id for stage in kept}


def _work(
    url: str, label: str, stages: Mapping[str, int], pairs: Pairs, accounts_of: Mapping[str, Account]
) -> None:  # fmt: skip
    """All labelers do what is for them, some at a time, until nothing is left."""
    labelers = {labeler.labeler.id: labeler for labeler, _ in pairs}
    rows = {row.id: row for _, row in pairs}
    lock = threading.Lock()

    def work(labeler: SimulatedLabeler) -> None:
        with RoomClient(url, accounts_of[labeler.labeler.id].token) as room:
            while item := room.claim(stages[labeler.labeler.group]):
                room.submit(item.id, content_of(labeler, rows[item.key], item))
                with lock:
                    progress.advance()

    with Progress(len(pairs), label) as progress, ThreadPoolExecutor(NUM_AT_ONCE) as pool:
        list(pool.map(work, labelers.values()))


def content_of(labeler: SimulatedLabeler, row: Row, item: ItemOut) -> dict[str, Any]:
    """What a labeler submits: a demonstration's text, or ratings and a ranking of the letters that were shown."""
    if isinstance(row, Prompt):
        return item.content | {"response": labeler.demonstrate(row).response}
    shown = [Response(id=one["letter"], text=one["text"]) for one in item.view["responses"]]
    ranking = labeler.rank(row.id, row.prompt, shown)
    ratings = {response.id: labeler.rate(row.prompt, response) for response in shown}
    groups = [list(group) for group in ranking.groups]
    return item.content | {
        "ratings": {name: {"likert": one.likert, "flags": sorted(one.flags)} for name, one in ratings.items()},
        "groups": groups, "initial_board": groups,
    }  # fmt: skip


def _read_back(database: Database, data: Path, withdrawn: Withdrawn, accounts_of: Mapping[str, Account]) -> Labels:
    """Export, and read the records by the labelers' own names."""
    found: dict[tuple[type[Record], str, str], Any] = {}
    for artifact in export_artifacts(database, data, time.time(), withdrawn):
        with database.read() as session:
            salt = session.get_one(Export, artifact.manifest.notes["release"]).salt
        names = {pseudonym(salt, account.id): name for name, account in accounts_of.items()}
        for row in artifact.rows:
            if row.labeler.id in names:
                found[type(row), row.id, names[row.labeler.id]] = row
    return found


def _demonstration(labeler: SimulatedLabeler, prompt: Prompt, found: Labels) -> Demonstration:
    who = labeler.labeler
    written = found[Demonstration, prompt.id, who.id]
    return Demonstration(id=f"{prompt.id}/{who.id}", prompt=written.prompt, response=written.response, labeler=who)


def _ranking(labeler: SimulatedLabeler, row: Candidates, found: Labels) -> Ranking:
    """In the order of the candidates, not in that in which they were shown."""
    who = labeler.labeler
    made = found[Ranking, row.id, who.id]
    shown = {response.id: response for response in made.responses}
    order = [response.id for response in row.responses]
    return Ranking(
        id=row.id, prompt=made.prompt, responses=tuple(shown[name] for name in order),
        groups=tuple(tuple(sorted(group, key=order.index)) for group in made.groups), labeler=who,
    )  # fmt: skip


def _rating(labeler: SimulatedLabeler, row: Candidates, response: Response, found: Labels) -> Rating:
    who = labeler.labeler
    made = found[Rating, f"{row.id}-{response.id}", who.id]
    return Rating(
        id=f"{row.prompt.id}/{response.id}/{who.id}", prompt=made.prompt, response=made.response,
        likert=made.likert, flags=made.flags, labeler=who,
    )  # fmt: skip
