"""What finished conversations ask for: rankings of alternatives, each made once, also after an interruption."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from preceptor.labeling import answers, assignment
from preceptor.labeling.following import Follower
from preceptor.labeling.outcomes import Refused
from preceptor.labeling.stages import NewItem, add_items, add_stage, change_stage
from preceptor.labeling.tasks.dialogue import DialogueItem
from preceptor.records import Candidates, Message
from preceptor.store import Database
from preceptor.store.tables import Answer, Item, Labeler, Stage
from tests.labeling.people import add_labelers


class Model:
    """A model that never says the same twice, or cannot be reached."""

    name = "model"

    def __init__(self) -> None:
        self.is_down = False
        self.num_asked = 0

    def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
        if self.is_down:
            raise Refused("The model cannot be reached now: {problem}", problem="down")
        self.num_asked += 1
        return f"Said with {seed}."


def add_dialogues(store: Database, num: int, name: str = "talks", **traits: Any) -> Stage:
    with store.write() as session:
        settings = {"assistant": "model", "num_ranked": 3, **traits.pop("settings", {})}
        stage = add_stage(
            session, name, "dialogue", group="training", round=2, settings=settings, now=time.time(), **traits
        )
        add_items(session, stage, [NewItem(f"{name}-{i}", DialogueItem(topic=f"{i}")) for i in range(num)], now=0.0)
        return stage


def finish(store: Database, stage: Stage, labeler: Labeler, said: str = "Hello") -> Answer:
    """A labeler has a conversation with the model."""
    turns = [
        {"role": "user", "text": said, "is_model": False, "suggestion": None, "model": None},
        {"role": "assistant", "text": "Hi.", "is_model": True, "suggestion": None, "model": "model"},
    ]
    content = {"turns": turns, "text": "", "suggestion": None, "model": None}
    now = time.time()
    with store.write() as session:
        claim = assignment.claim_next(session, labeler, stage.id, now=now)
        assert claim is not None
        return answers.submit(session, labeler, claim.item_id, content, guideline_id=None, active_s=60, now=now)


def made(store: Database) -> list[Item]:
    statement = select(Item).join(Stage, Stage.id == Item.stage_id).where(Stage.kind == "ranking")
    with store.read() as session:
        return list(session.scalars(statement.order_by(Item.id)))


def test_each_conversation_gets_one_ranking_in_a_stage_of_its_own(store: Database) -> None:
    stage, model = add_dialogues(store, 3), Model()
    anna, bert = add_labelers(store, 2)
    finished = [finish(store, stage, anna), finish(store, stage, bert)]
    follower = Follower(store, model)
    assert follower.catch_up() == 2
    assert [item.key for item in made(store)] == [f"talks-{number}-{row.id}" for number, row in enumerate(finished)]
    assert [item.author_id for item in made(store)] == [anna.id, bert.id]
    payload = Candidates.model_validate(made(store)[0].payload)
    assert payload.responses[0].text == "Hi."
    assert len(payload.responses) == 3
    with store.read() as session:
        target = session.scalars(select(Stage).where(Stage.kind == "ranking")).one()
    assert (target.name, target.group, target.round) == ("talks-ranking", "training", 2)


def test_nothing_is_made_twice_and_what_was_interrupted_is_made_up_for(store: Database) -> None:
    stage, model = add_dialogues(store, 3), Model()
    anna, bert, carl = add_labelers(store, 3)
    finish(store, stage, anna)
    assert Follower(store, model).catch_up() == 1
    assert Follower(store, model).catch_up() == 0
    model.is_down = True
    finish(store, stage, bert)
    with pytest.raises(Refused):
        Follower(store, model).catch_up()
    model.is_down = False
    finish(store, stage, carl)
    assert Follower(store, model).catch_up() == 2
    assert len({item.key for item in made(store)}) == len(made(store)) == 3


def test_who_had_the_conversation_does_not_rank_it(store: Database) -> None:
    stage = add_dialogues(store, 1)
    anna, bert = add_labelers(store, 2)
    finish(store, stage, anna)
    Follower(store, Model()).catch_up()
    with store.write() as session:
        target = session.scalars(select(Stage).where(Stage.kind == "ranking")).one()
        assert assignment.claim_next(session, anna, target.id, now=time.time()) is None
        assert assignment.claim_next(session, bert, target.id, now=time.time()) is not None


def test_stages_with_like_names_are_kept_apart(store: Database) -> None:
    first, second = add_dialogues(store, 1, "talks"), add_dialogues(store, 1, "talks-more")
    (anna,) = add_labelers(store, 1)
    finish(store, first, anna)
    finish(store, second, anna)
    assert Follower(store, Model()).catch_up() == 2
    with store.read() as session:
        names = set(session.scalars(select(Stage.name).where(Stage.kind == "ranking")))
    assert names == {"talks-ranking", "talks-more-ranking"}


def test_an_answer_that_asks_for_nothing_is_looked_at_once(sqlite_store: Database) -> None:
    stage, model = add_dialogues(sqlite_store, 1), Model()
    with sqlite_store.write() as session:
        change_stage(session, stage.id, settings={"assistant": "model", "num_ranked": 0})
    finish(sqlite_store, stage, add_labelers(sqlite_store, 1)[0])
    follower = Follower(sqlite_store, model)
    assert follower.catch_up() == follower.catch_up() == model.num_asked == 0


def test_screening_asks_nobody_to_rank(sqlite_store: Database) -> None:
    stage = add_dialogues(sqlite_store, 1, is_screening=True)
    finish(sqlite_store, stage, add_labelers(sqlite_store, 1, standing="candidate")[0])
    assert Follower(sqlite_store, Model()).catch_up() == 0


def test_it_works_by_itself_while_it_is_open(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("preceptor.labeling.following.EVERY_S", 0.01)
    monkeypatch.setattr("preceptor.labeling.following.LATER_S", 0.02)
    stage, model = add_dialogues(store, 2), Model()
    anna, bert = add_labelers(store, 2)
    with Follower(store, model):
        finish(store, stage, anna)
        _wait_for(lambda: len(made(store)) == 1)
        model.is_down = True
        finish(store, stage, bert)
        time.sleep(0.1)
        model.is_down = False
        _wait_for(lambda: len(made(store)) == 2)


def _wait_for(is_so: Any) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.02)


def test_one_conversation_that_fails_does_not_keep_the_others_waiting(store: Database) -> None:
    class Picky(Model):
        def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
            if messages[0].content == "Too long":
                raise Refused("The conversation is too long.")
            return super().__call__(messages, seed=seed)

    stage, follower = add_dialogues(store, 3), Follower(store, Picky())
    anna, bert, carl = add_labelers(store, 3)
    finish(store, stage, anna, "Too long")
    finish(store, stage, bert)
    finish(store, stage, carl)
    for _ in range(2):
        with pytest.raises(Refused, match="too long"):
            follower.catch_up()
    assert len(made(store)) == 2


def test_it_outlives_what_nobody_thought_of(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Model):
        def __call__(self, messages: Sequence[Message], *, seed: int = 0) -> str:
            if self.num_asked == 0:
                self.num_asked = 1
                raise RuntimeError("nobody thought of this")
            return super().__call__(messages, seed=seed)

    monkeypatch.setattr("preceptor.labeling.following.EVERY_S", 0.01)
    monkeypatch.setattr("preceptor.labeling.following.LATER_S", 0.01)
    stage = add_dialogues(store, 1)
    finish(store, stage, add_labelers(store, 1)[0])
    with Follower(store, Broken()):
        for _ in range(3000):
            if made(store):
                break
            time.sleep(0.01)
    assert len(made(store)) == 1


def test_what_a_correction_took_out_is_shown_to_nobody(store: Database) -> None:
    stage = add_dialogues(store, 1)
    anna = add_labelers(store, 1)[0]
    first = finish(store, stage, anna, "I am Jane Doe")
    turns = [{**first.content["turns"][0], "text": "Hello"}, first.content["turns"][1]]
    content, now = {**first.content, "turns": turns}, time.time()
    with store.write() as session:
        answers.submit(session, anna, first.item_id, content, guideline_id=None, active_s=9, now=now)
    assert Follower(store, Model()).catch_up() == 1
    (item,) = made(store)
    assert item.key.endswith(f"-{first.id}")
    assert "Jane" not in str(item.payload)


def test_a_conversation_asked_again_is_not_ranked_again(store: Database) -> None:
    stage = add_dialogues(store, 12, settings={"repeat_share": 0.5, "repeat_after_hours": 0})
    anna = add_labelers(store, 1)[0]
    done = {finish(store, stage, anna).item_id for _ in range(12)}
    with store.read() as session:
        again = set(session.scalars(select(Item.id).where(Item.lane == "repeat")))
    assert again & done
    assert Follower(store, Model()).catch_up() == len(done - again)
