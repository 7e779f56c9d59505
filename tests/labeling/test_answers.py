"""Drafts, submissions, corrections, skips and comments; on both backends."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from preceptor.labeling import answers, assignment, guidelines
from preceptor.labeling.outcomes import Missing, Refused, Stale
from preceptor.labeling.stages import change_stage
from preceptor.store import Database
from preceptor.store.tables import Answer, Claim, Draft, Labeler, Skip, Stage
from tests.labeling.people import add_people, add_ranking_stage, ranked

NOW = 1000.0


@pytest.fixture
def people(store: Database) -> dict[str, Labeler]:
    return add_people(store)


@pytest.fixture
def stage(store: Database, people: dict[str, Labeler]) -> Stage:
    """A stage with one item, which anna has claimed."""
    stage = add_ranking_stage(store, 1, guideline="helpful")
    with store.write() as session:
        assignment.claim_next(session, people["anna"], stage.id, now=NOW)
    return stage


@pytest.fixture
def anna(store: Database, people: dict[str, Labeler], stage: Stage) -> "Hands":
    return Hands(store, people["anna"])


class Hands:
    """What somebody does with item 1, each in a transaction of its own."""

    def __init__(self, store: Database, labeler: Labeler) -> None:
        self.store, self.labeler = store, labeler

    def save(self, content: dict[str, Any], revision: int, active_s: float = 1.0) -> int:
        """The revision of the kept draft."""
        with self.store.write() as session:
            return answers.save_draft(session, self.labeler, 1, content, revision=revision, active_s=active_s, now=NOW)

    def submit(
        self, letters: str = "ABCD", guideline_id: int | None = None, revision: int | None = None, **more: Any
    ) -> Answer:
        """What is in the store then."""
        content = ranked(letters) | more
        with self.store.write() as session:
            return answers.submit(
                session, self.labeler, 1, content, revision=revision, guideline_id=guideline_id, active_s=9.0, now=NOW
            )

    def skip(self) -> None:
        """Pass it over."""
        with self.store.write() as session:
            answers.skip(session, self.labeler, 1, reason="", now=NOW)


def count(store: Database, table: type[Any]) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def draft(store: Database, labeler: Labeler) -> Draft:
    with store.read() as session:
        found = answers.draft_of(session, labeler, 1)
        assert found is not None
        return found


def test_each_save_names_the_one_before(store: Database, anna: Hands) -> None:
    assert [anna.save({"a": 1}, 0), anna.save({"a": 2}, 1), anna.save({"a": 3}, 2)] == [1, 2, 3]
    assert draft(store, anna.labeler).content == {"a": 3}


@pytest.mark.parametrize("revision", [0, 1, 7])
def test_a_save_from_an_older_state_is_refused_with_the_latest(store: Database, anna: Hands, revision: int) -> None:
    anna.save({"a": 1}, 0)
    anna.save({"a": 2}, 1)
    with pytest.raises(Stale) as caught:
        anna.save({"a": "other"}, revision)
    assert (caught.value.revision, caught.value.content) == (2, {"a": 2})
    assert draft(store, anna.labeler).content == {"a": 2}


def test_a_save_whose_reply_was_lost_can_be_sent_again(anna: Hands) -> None:
    assert anna.save({"a": 1}, 0) == 1
    assert anna.save({"a": 1}, 0) == 1


def test_a_draft_that_is_gone_is_a_conflict_and_nothing_else(anna: Hands) -> None:
    with pytest.raises(Stale) as caught:
        anna.save({"a": 1}, 3)
    assert (caught.value.revision, caught.value.content) == (0, {})


def test_of_two_tabs_that_save_at_once_one_is_told(store: Database, anna: Hands) -> None:
    anna.save({"a": 0}, 0)
    outcomes: list[Any] = []

    def save(number: int) -> None:
        try:
            outcomes.append(anna.save({"a": number}, 1))
        except Stale as stale:
            outcomes.append(stale.content["a"])

    threads = [threading.Thread(target=save, args=(number,)) for number in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = draft(store, anna.labeler)
    assert kept.revision == 2
    assert sorted(outcomes) == sorted([2, kept.content["a"]])


def test_of_two_tabs_that_save_first_at_once_one_is_told(store: Database, anna: Hands) -> None:
    for _ in range(10):
        outcomes: list[Any] = []
        together = threading.Barrier(2)

        def save(number: int, outcomes: list[Any] = outcomes, together: threading.Barrier = together) -> None:
            together.wait()
            try:
                outcomes.append(anna.save({"a": number}, 0))
            except Stale as stale:
                outcomes.append(stale.content["a"])

        threads = [threading.Thread(target=save, args=(number,)) for number in (10, 20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == sorted([1, draft(store, anna.labeler).content["a"]])
        with store.write() as session:
            session.execute(delete(Draft))


def test_active_time_never_goes_back(store: Database, anna: Hands) -> None:
    anna.save({"a": 1}, 0, active_s=30.0)
    anna.save({"a": 2}, 1, active_s=3.0)
    assert draft(store, anna.labeler).active_s == 30.0


def test_nobody_drafts_or_submits_what_is_not_theirs(store: Database, people: dict[str, Labeler], anna: Hands) -> None:
    bert = Hands(store, people["bert"])
    for deed in (lambda: bert.save({}, 0), bert.submit, bert.skip):
        with pytest.raises(Missing):
            deed()
    assert count(store, Draft) == count(store, Answer) == 0


def test_what_is_too_long_is_refused(anna: Hands) -> None:
    with pytest.raises(Refused, match="too long"):
        anna.save({"a": "x" * answers.MAX_CONTENT}, 0)
    with pytest.raises(Refused, match="too long"):
        anna.submit(note="x" * answers.MAX_CONTENT)


def test_a_submission_ends_claim_and_draft(store: Database, anna: Hands) -> None:
    anna.save({"a": 1}, 0)
    answer = anna.submit()
    assert (answer.status, answer.group, answer.round, answer.schema_version) == ("counted", "training", 1, 1)
    assert count(store, Draft) == count(store, Claim) == 0


def test_a_submission_from_an_older_state_is_refused_with_the_latest(store: Database, anna: Hands) -> None:
    for revision, note in enumerate(["on the laptop", "on the phone"]):
        anna.save(ranked("ABCD") | {"note": note}, revision)
    with pytest.raises(Stale) as caught:
        anna.submit(revision=1)
    assert (caught.value.revision, caught.value.content["note"]) == (2, "on the phone")
    with pytest.raises(Stale):
        anna.submit(revision=0)
    assert (count(store, Answer), draft(store, anna.labeler).revision) == (0, 2)
    assert anna.submit(revision=2, note="on the phone").status == "counted"


def test_a_submission_never_takes_the_place_of_one_from_elsewhere_unseen(store: Database, anna: Hands) -> None:
    anna.save(ranked("ABCD"), 0)
    anna.save(ranked("BACD"), 1)
    first = anna.submit("BACD", revision=2)
    assert anna.submit("BACD", revision=2).id == first.id, "sent again after a lost reply"
    for deed in (lambda: anna.submit("ABCD", revision=1), lambda: anna.save(ranked("CABD"), 1)):
        with pytest.raises(Stale) as caught:
            deed()
        assert (caught.value.revision, caught.value.content) == (0, ranked("BACD"))
    assert anna.submit("CABD", revision=0).status == "revision"


def test_who_keeps_no_drafts_submits_without_a_revision(store: Database, anna: Hands) -> None:
    anna.save({"a": 1}, 0)
    assert anna.submit().status == "counted"
    assert count(store, Draft) == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({}, "Field required"),
        (ranked("ABC"), "Response D is not rated yet"),
        (ranked("ABCDE"), "no response E"),
        (ranked("ABCD") | {"groups": [["A"], ["B"], ["C"]]}, "Response D is not on the board"),
        (ranked("ABCD") | {"groups": [["A", "B"], ["C", "D", "A"]]}, "on the board twice"),
        (ranked("ABCD") | {"ratings": {letter: {"likert": 8} for letter in "ABCD"}}, "less than or equal to 7"),
        (ranked("ABCD") | {"ratings": {letter: {"likert": "4"} for letter in "ABCD"}}, "valid integer"),
        (ranked("ABCD") | {"surprise": 1}, "Extra inputs"),
        (ranked("ABCD") | {"unread": ["Z"]}, "no response Z"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_answer_to_the_item_is_refused_and_the_claim_stays(
    store: Database, anna: Hands, content: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Refused, match=problem), store.write() as session:
        answers.submit(session, anna.labeler, 1, content, guideline_id=None, active_s=1.0, now=NOW)
    assert count(store, Answer) == 0
    assert count(store, Claim) == 1


def test_sending_the_same_again_adds_nothing(store: Database, anna: Hands) -> None:
    first = anna.submit()
    assert anna.submit().id == first.id
    assert count(store, Answer) == 1


def test_sending_another_one_corrects_and_keeps_the_first(store: Database, anna: Hands) -> None:
    first, second, third = anna.submit("ABCD"), anna.submit("BACD"), anna.submit("ABCD")
    assert [one.status for one in (first, second, third)] == ["counted", "revision", "revision"]
    assert [one.revises_id for one in (first, second, third)] == [None, first.id, second.id]
    assert third.shown == first.shown
    with store.read() as session:
        latest = answers.latest_answer(session, anna.labeler, 1)
    assert latest is not None
    assert latest.id == third.id


@pytest.mark.parametrize("reason", ["the stage is closed", "the stage is paused", "the labeler is paused"])
def test_who_no_longer_works_there_finishes_what_was_begun_and_corrects_nothing(
    store: Database, stage: Stage, anna: Hands, reason: str
) -> None:
    with store.write() as session:
        if reason == "the labeler is paused":
            anna.labeler = session.get_one(Labeler, anna.labeler.id)
            anna.labeler.standing = "paused"
        else:
            change_stage(session, stage.id, state="closed" if "closed" in reason else "paused")
    first = anna.submit("ABCD")
    assert first.status == "counted"
    assert anna.submit("ABCD").id == first.id, "sent again after a lost reply"
    with pytest.raises(Refused, match="no longer be corrected"):
        anna.submit("BACD")
    assert count(store, Answer) == 1


def test_two_tabs_that_submit_at_once_make_one_answer_and_one_correction(store: Database, anna: Hands) -> None:
    statuses: list[str] = []
    threads = [
        threading.Thread(target=lambda letters=letters: statuses.append(anna.submit(letters).status))
        for letters in ("ABCD", "BACD")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["counted", "revision"]


def test_an_answer_carries_the_version_of_the_guideline_that_was_shown(
    store: Database, people: dict[str, Labeler], anna: Hands
) -> None:
    with store.write() as session:
        shown = guidelines.publish(session, "helpful", "one", note="", by=people["ada"], now=NOW)
        guidelines.publish(session, "helpful", "two", note="clearer", by=people["ada"], now=NOW)
        other = guidelines.publish(session, "another", "one", note="", by=None, now=NOW)
    assert anna.submit("ABCD", guideline_id=shown.id).guideline_id == shown.id
    assert anna.submit("BACD", guideline_id=other.id).guideline_id is None, "not this stage's"
    assert anna.submit("DCBA", guideline_id=99).guideline_id is None


def test_guidelines_have_versions_and_the_same_text_makes_none(store: Database, people: dict[str, Labeler]) -> None:
    with store.write() as session:
        for text in ("one", "two", "two", "one"):
            guidelines.publish(session, "helpful", text, note="", by=people["ada"], now=NOW)
        assert [(one.version, one.text) for one in guidelines.versions(session, "helpful")] == [
            (3, "one"), (2, "two"), (1, "one")
        ]  # fmt: skip
        assert guidelines.names(session) == ["helpful"]
        assert guidelines.current(session, "nothing") is None


def test_a_skip_keeps_the_draft(store: Database, anna: Hands) -> None:
    anna.save({"a": 1}, 0)
    anna.skip()
    assert (count(store, Skip), count(store, Draft), count(store, Claim)) == (1, 1, 0)
    with store.write() as session:
        answers.take_back_skip(session, anna.labeler, 1, now=NOW)
    assert draft(store, anna.labeler).content == {"a": 1}
    assert anna.save({"a": 2}, 1) == 2
    assert anna.submit().status == "counted"


def test_a_skip_that_is_sent_twice_at_once_is_one(store: Database, anna: Hands) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def skip() -> None:
        together.wait()
        try:
            anna.skip()
            outcomes.append("skipped")
        except Missing:
            outcomes.append("missing")

    threads = [threading.Thread(target=skip) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["missing", "skipped"]
    assert count(store, Skip) == 1


DEEDS: dict[str, Callable[[Session, Labeler], object]] = {
    "skip": lambda session, labeler: answers.skip(session, labeler, 1, reason="", now=NOW),
    "submit": lambda session, labeler: answers.submit(
        session, labeler, 1, ranked("ABCD"), guideline_id=None, active_s=9.0, now=NOW
    ),
    "heartbeat": lambda session, labeler: assignment.heartbeat(session, labeler, 1, now=NOW + 1),
    "late heartbeat": lambda session, labeler: assignment.heartbeat(session, labeler, 1, now=NOW + 10_000),
    "claim": lambda session, labeler: assignment.claim_next(session, labeler, 1, now=NOW + 1),
    "take back": lambda session, labeler: answers.take_back_skip(session, labeler, 1, now=NOW),
}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("skip", "claim"), ("submit", "heartbeat"), ("skip", "late heartbeat"), ("submit", "claim"),
        ("heartbeat", "skip"), ("claim", "submit"), ("take back", "take back"),
    ],
)  # fmt: skip
def test_what_two_tabs_do_with_a_claim_at_once_comes_one_after_the_other(
    store: Database, anna: Hands, first: str, second: str
) -> None:
    if first == "take back":
        anna.skip()
    failures: list[BaseException] = []

    def do_second() -> None:
        try:
            with store.write() as session:
                DEEDS[second](session, anna.labeler)
        except Missing:
            pass  # the item has gone with the first
        except BaseException as error:
            failures.append(error)

    beside = threading.Thread(target=do_second)
    with store.write() as session:
        DEEDS[first](session, anna.labeler)
        session.flush()
        beside.start()
        beside.join(timeout=0.5)  # it gets as far as it can before the first is kept
        assert beside.is_alive()
    beside.join()
    assert failures == []


def test_comments_make_a_thread_with_the_researchers(store: Database, people: dict[str, Labeler], anna: Hands) -> None:
    def say(name: str, text: str, **more: Any) -> None:
        with store.write() as session:
            answers.comment(session, people[name], 1, text, **more, now=NOW)

    say("anna", "Is this sarcasm?")
    say("rosa", "It is.", thread_of=people["anna"].id)
    with store.read() as session:
        assert [one.text for one in answers.thread(session, people["anna"], 1)] == ["Is this sarcasm?", "It is."]
        assert answers.thread(session, people["bert"], 1) == []
    with pytest.raises(Missing):
        say("bert", "I never had this item")
    with pytest.raises(Refused):
        say("anna", " \n")


def test_a_comment_can_follow_a_submission_and_a_skip(store: Database, people: dict[str, Labeler]) -> None:
    stage = add_ranking_stage(store, 1)
    deeds: list[Callable[[Hands], Any]] = [Hands.submit, Hands.skip]
    for name, deed in zip(("anna", "bert"), deeds, strict=True):
        with store.write() as session:
            stage_now = session.get_one(Stage, stage.id)
            stage_now.overlap = 2
            assignment.claim_next(session, people[name], stage.id, now=NOW)
        deed(Hands(store, people[name]))
        with store.write() as session:
            answers.comment(session, people[name], 1, "afterwards", now=NOW)
