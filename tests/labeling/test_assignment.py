"""Who is given what: leases, overlap, surplus, hidden items; on both backends."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from preceptor.labeling import answers, assignment
from preceptor.labeling.desk import skipped_by, stage_cards
from preceptor.labeling.outcomes import Missing, Refused
from preceptor.labeling.stages import NewItem, add_items, change_stage
from preceptor.store import Database
from preceptor.store.tables import Answer, Claim, Item, Labeler, Skip, Stage
from tests.labeling.people import Clock, add_labelers, add_people, add_ranking_stage, candidates, ranked

LETTERS = "ABCD"


class Desk:
    """One labeler at work in one stage, each step in a transaction of its own."""

    def __init__(self, store: Database, labeler: Labeler, stage: Stage, clock: Clock) -> None:
        self.store, self.labeler, self.stage, self.clock = store, labeler, stage, clock

    def claim(self) -> int | None:
        """The id of the item to work on."""
        with self.store.write() as session:
            claim = assignment.claim_next(session, self.labeler, self.stage.id, now=self.clock.now)
            return claim.item_id if claim else None

    def submit(self, item_id: int | None, letters: str = LETTERS) -> str:
        """The status of what was submitted."""
        assert item_id is not None
        with self.store.write() as session:
            answer = answers.submit(
                session, self.labeler, item_id, ranked(letters), guideline_id=None, active_s=9.0, now=self.clock.now
            )
            return answer.status

    def skip(self, item_id: int | None) -> None:
        """Pass it over."""
        assert item_id is not None
        with self.store.write() as session:
            answers.skip(session, self.labeler, item_id, reason="", now=self.clock.now)

    def beat(self, item_id: int | None) -> bool:
        """Whether the lease goes on."""
        assert item_id is not None
        with self.store.write() as session:
            return assignment.heartbeat(session, self.labeler, item_id, now=self.clock.now)

    def work(self) -> list[int]:
        """Do everything that there is to do; the items."""
        done = []
        while (item_id := self.claim()) is not None:
            self.submit(item_id)
            done.append(item_id)
        return done


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(store: Database) -> dict[str, Labeler]:
    return add_people(store)


@pytest.fixture
def at(store: Database, people: dict[str, Labeler], clock: Clock) -> Callable[[str, Stage], Desk]:
    return lambda name, stage: Desk(store, people[name], stage, clock)


At = Callable[[str, Stage], Desk]


def test_a_reload_gives_the_same_item_and_nobody_else_gets_it(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 2)
    anna, bert = at("anna", stage), at("bert", stage)
    first = anna.claim()
    assert [anna.claim(), anna.claim()] == [first, first]
    assert bert.claim() != first


def test_an_item_comes_once_to_each_labeler_and_has_its_overlap(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 5, overlap=2)
    anna, bert = at("anna", stage), at("bert", stage)
    assert sorted(anna.work()) == sorted(bert.work())
    assert anna.claim() is None
    with store.read() as session:
        assert session.scalars(select(Item.num_counted)).all() == [2] * 5


def test_nothing_is_given_beyond_the_overlap(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    at("anna", stage).claim()
    assert at("bert", stage).claim() is None


def test_begun_items_are_finished_before_new_ones_are_begun(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 3, overlap=2)
    anna, bert = at("anna", stage), at("bert", stage)
    first = anna.claim()
    anna.submit(first)
    assert bert.claim() == first


def test_an_ended_lease_gives_the_item_to_others_and_late_work_is_kept_as_surplus(
    store: Database, at: At, clock: Clock
) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    clock.pass_minutes(31)
    assert bert.claim() == item
    assert anna.claim() is None
    assert anna.beat(item) is False
    assert bert.submit(item) == "counted"
    assert anna.submit(item) == "surplus"
    with store.read() as session:
        assert session.scalar(select(Item.num_counted)) == 1
        assert session.scalar(select(func.count()).select_from(Answer)) == 2


def test_late_work_counts_where_nobody_took_the_item(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna = at("anna", stage)
    item = anna.claim()
    clock.pass_minutes(31)
    assert anna.submit(item) == "counted"


def test_late_work_does_not_take_the_place_of_who_has_the_item_now(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    clock.pass_minutes(31)
    bert.claim()
    assert anna.submit(item) == "surplus"
    assert bert.submit(item) == "counted"


def test_a_heartbeat_keeps_the_lease(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    for _ in range(4):
        clock.pass_minutes(20)
        assert anna.beat(item) is True
        assert bert.claim() is None


def test_an_ended_lease_goes_on_while_nobody_took_the_item(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    clock.pass_minutes(31)
    assert anna.beat(item) is True
    assert bert.claim() is None


def test_a_skipped_item_goes_to_others_and_does_not_come_back(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    anna.skip(item)
    assert anna.claim() is None
    assert bert.claim() == item


def test_a_skip_is_taken_back(store: Database, at: At, clock: Clock, people: dict[str, Labeler]) -> None:
    stage = add_ranking_stage(store, 1, overlap=1)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    assert item is not None
    anna.skip(item)
    with store.write() as session:
        claim = answers.take_back_skip(session, people["anna"], item, now=clock.now)
        assert assignment.is_live(claim, clock.now)
    assert bert.claim() is None
    anna.skip(item)
    bert.claim()
    with store.write() as session:
        claim = answers.take_back_skip(session, people["anna"], item, now=clock.now)
        assert not assignment.is_live(claim, clock.now), "it has gone to bert"
    assert anna.submit(item) == "surplus"


def test_taking_up_what_was_skipped_hoards_nothing(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 8)
    anna = at("anna", stage)
    skipped = []
    for _ in range(6):
        skipped.append(anna.claim())
        anna.skip(skipped[-1])

    def take_back(item: int | None) -> None:
        assert item is not None
        with store.write() as session:
            answers.take_back_skip(session, anna.labeler, item, now=clock.now)

    for item in skipped[:3]:
        take_back(item)
    with pytest.raises(Refused, match="3 tasks begun"):
        take_back(skipped[3])
    assert len(at("bert", stage).work()) == 5
    anna.submit(skipped[0])
    take_back(skipped[3])


def test_what_was_taken_out_of_the_line_is_not_given_again(
    store: Database, at: At, clock: Clock, people: dict[str, Labeler]
) -> None:
    stage = add_ranking_stage(store, 2)
    anna, bert = at("anna", stage), at("bert", stage)
    begun, skipped = anna.claim(), bert.claim()
    assert skipped is not None
    bert.skip(skipped)
    with store.write() as session:
        for item in session.scalars(select(Item)):
            item.is_retired = True
    assert anna.claim() is None
    clock.pass_minutes(31)
    assert anna.claim() is None
    assert anna.beat(begun) is False
    assert anna.submit(begun) == "surplus", "what was begun before is kept"
    with store.write() as session:
        assert skipped_by(session, people["bert"], limit=9) == []
        with pytest.raises(Missing):
            answers.take_back_skip(session, people["bert"], skipped, now=clock.now)


def test_items_that_come_while_people_work_are_given_out(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 1)
    anna = at("anna", stage)
    anna.work()
    assert anna.claim() is None
    with store.write() as session:
        again = session.get_one(Stage, stage.id)
        items = [NewItem("p0", candidates(0)), NewItem("late", candidates(77))]
        assert add_items(session, again, items, now=0.0) == 1
    assert len(anna.work()) == 1


def test_the_overlap_can_change_while_people_work(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 1, overlap=2)
    anna, bert = at("anna", stage), at("bert", stage)
    item = anna.claim()
    assert bert.claim() == item
    with store.write() as session:
        change_stage(session, stage.id, overlap=1)
    assert bert.claim() == item, "no claim is stranded"
    assert anna.submit(item) == "counted"
    assert bert.submit(item) == "surplus"
    with store.write() as session:
        change_stage(session, stage.id, overlap=3)
    assert at("anna", stage).claim() is None


@pytest.mark.parametrize(
    ("group", "workers"), [("training", {"anna", "bert"}), ("held_out", {"hana", "hugo"}), (None, {"anna", "hana"})]
)
def test_a_stage_is_for_its_group(store: Database, at: At, group: str | None, workers: set[str]) -> None:
    stage = add_ranking_stage(store, 5, overlap=9, group=group)
    for name in ("anna", "bert", "hana", "hugo"):
        if name in workers:
            assert at(name, stage).claim() is not None
        elif group is not None:
            with pytest.raises(Missing):
                at(name, stage).claim()


def test_candidates_work_in_screening_stages_alone(store: Database, at: At) -> None:
    ordinary = add_ranking_stage(store, 1)
    screening = add_ranking_stage(store, 1, name="screening", is_screening=True, overlap=9)
    assert at("carl", screening).claim() is not None
    with pytest.raises(Missing):
        at("carl", ordinary).claim()
    with pytest.raises(Missing):
        at("anna", screening).claim()


def test_all_candidates_have_the_same_items(store: Database) -> None:
    stage = add_ranking_stage(store, 3, is_screening=True)
    desks = [Desk(store, labeler, stage, Clock()) for labeler in add_labelers(store, 3, standing="candidate")]
    first = [desk.claim() for desk in desks]
    assert None not in first
    assert [desk.submit(item) for desk, item in zip(desks, first, strict=True)] == ["counted"] * 3
    assert [len(desk.work()) for desk in desks] == [2, 2, 2]


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_stage_that_is_not_open_gives_nothing_and_takes_what_was_begun(store: Database, at: At, state: str) -> None:
    stage = add_ranking_stage(store, 2)
    anna = at("anna", stage)
    item = anna.claim()
    with store.write() as session:
        change_stage(session, stage.id, state=state)  # type: ignore[arg-type]
    with pytest.raises(Missing):
        anna.claim()
    assert anna.submit(item) == "counted"


def test_nobody_judges_their_own_text(store: Database, at: At, people: dict[str, Labeler]) -> None:
    stage = add_ranking_stage(store, 0, overlap=2)
    with store.write() as session:
        items = [NewItem("mine", candidates(1), author_id=people["anna"].id)]
        add_items(session, session.get_one(Stage, stage.id), items, now=0.0)
    assert at("anna", stage).claim() is None
    assert at("bert", stage).claim() is not None


def test_nobody_does_more_than_the_stage_allows(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 5, settings={"max_per_labeler": 2})
    assert len(at("anna", stage).work()) == 2
    assert len(at("bert", stage).work()) == 2


def test_the_first_page_counts_what_there_is_to_do(store: Database, at: At, people: dict[str, Labeler]) -> None:
    stage = add_ranking_stage(store, 4, overlap=2)
    anna, bert = at("anna", stage), at("bert", stage)

    def card() -> tuple[int, int, bool]:
        with store.read() as session:
            (found,) = stage_cards(session, people["anna"], anna.clock.now)
            return found.num_mine, found.num_left, found.is_begun

    assert card() == (0, 4, False)
    anna.submit(anna.claim())
    anna.skip(anna.claim())
    assert card() == (1, 2, False), "neither what is done nor what was passed over"
    begun = anna.claim()
    assert card() == (1, 2, True)
    for _ in range(2):
        bert.submit(bert.claim())
    bert.claim()
    with store.write() as session:
        change_stage(session, stage.id, overlap=1)
    assert card()[2] is True
    with store.write() as session:
        change_stage(session, stage.id, overlap=2, settings={"max_per_labeler": 1})
    assert card() == (1, 1, True), "what lies begun can be finished"
    anna.clock.pass_minutes(31)
    with store.write() as session:
        session.get_one(Item, begun).num_counted = 2
    assert card() == (1, 0, False), "what lay begun has gone to others"
    assert anna.claim() is None


def test_gold_items_are_strewn_in_come_once_and_fill_no_overlap(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 40, overlap=2, settings={"gold_share": 0.2})
    with store.write() as session:
        gold = [NewItem(f"g{number}", candidates(100 + number), gold={"content": {}}) for number in range(6)]
        add_items(session, session.get_one(Stage, stage.id), gold, now=0.0)
    for name in ("anna", "bert"):
        done = at(name, stage).work()
        places = [place for place, item in enumerate(done) if item > 40]
        assert len(set(done)) == len(done)
        assert 3 <= len(places) <= 6
        assert places != list(range(len(places))), "not all at the beginning"
    with store.read() as session:
        assert set(session.scalars(select(Item.num_counted).where(Item.lane == "ordinary"))) == {2}


def test_skipping_brings_no_more_gold_than_working(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 40, overlap=2, settings={"gold_share": 0.3})
    with store.write() as session:
        gold = [NewItem(f"g{number}", candidates(100 + number), gold={"content": {}}) for number in range(20)]
        add_items(session, session.get_one(Stage, stage.id), gold, now=0.0)
    for name in ("anna", "bert"):
        desk, passed = at(name, stage), []
        for _ in range(20):
            passed.append(desk.claim())
            desk.skip(passed[-1])
        assert 3 <= sum(item is not None and item > 40 for item in passed) <= 10


def test_gold_items_do_not_come_when_nothing_else_is_left(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 0, settings={"gold_share": 0.0})
    with store.write() as session:
        items = [NewItem("g", candidates(100), gold={"content": {}})]
        add_items(session, session.get_one(Stage, stage.id), items, now=0.0)
    assert at("anna", stage).claim() is None


def test_a_repeat_comes_to_those_who_did_the_first_and_after_a_while(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 3, settings={"repeat_share": 0.5, "repeat_after_hours": 1})
    anna, bert = at("anna", stage), at("bert", stage)
    first = anna.claim()
    anna.submit(first)
    with store.write() as session:
        items = [NewItem("again", candidates(0), repeats_id=first)]
        add_items(session, session.get_one(Stage, stage.id), items, now=0.0)
        again = session.scalars(select(Item.id).where(Item.key == "again")).one()
    assert again not in bert.work()
    clock.pass_minutes(59)
    assert again not in anna.work()
    clock.pass_minutes(2)
    with store.write() as session:
        more = [NewItem(f"more{number}", candidates(50 + number)) for number in range(20)]
        add_items(session, session.get_one(Stage, stage.id), more, now=0.0)
    assert anna.work().count(again) == 1
    assert again not in bert.work()


def test_what_one_did_long_ago_is_asked_again_once_and_of_nobody_else(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 40, overlap=2, settings={"repeat_share": 0.5, "repeat_after_hours": 1})
    anna, bert = at("anna", stage), at("bert", stage)
    first = []
    for _ in range(5):
        first.append(anna.claim())
        anna.submit(first[-1])
    clock.pass_minutes(61)
    done = anna.work()
    with store.read() as session:
        items = {item.id: item for item in session.scalars(select(Item))}
    repeats = [items[item_id] for item_id in done if items[item_id].lane == "repeat"]
    assert sorted(item.repeats_id or 0 for item in repeats) == sorted(first), "each once, and no other"
    assert all(item.payload == items[item.repeats_id].payload for item in repeats if item.repeats_id)
    assert done[-5:] != [item.id for item in repeats], "not all at the end"
    assert not {item.key for item in repeats} & {item.key for item in items.values() if item.lane == "ordinary"}
    theirs = bert.work()
    assert all(items[item_id].lane == "ordinary" for item_id in theirs)
    with store.read() as session:
        assert set(session.scalars(select(Item.num_counted).where(Item.lane == "ordinary"))) == {2}


def test_how_an_item_is_shown_differs_by_labeler_and_not_by_reload(store: Database, at: At) -> None:
    stage = add_ranking_stage(store, 12, overlap=2)
    at("anna", stage).claim()
    orders: dict[int, set[str]] = {}
    for name in ("anna", "bert"):
        at(name, stage).work()
    with store.read() as session:
        for answer in session.scalars(select(Answer)):
            orders.setdefault(answer.item_id, set()).add(json.dumps(answer.shown["order"]))
    assert sum(len(shown) == 2 for shown in orders.values()) >= 9, "two of 24 orders are rarely the same"


def test_forty_threads_make_exactly_the_overlap(store: Database) -> None:
    """250 items, overlap 3, 40 labelers; clients die at random, leases end while they work, late work comes in."""
    num_items, overlap = 250, 3
    stage = add_ranking_stage(store, num_items, overlap=overlap, settings={"lease_minutes": 1 / 60})
    labelers = add_labelers(store, 40)
    served: Counter[tuple[int, int]] = Counter()
    statuses: Counter[str] = Counter()
    failures: list[BaseException] = []
    lock = threading.Lock()

    def is_done() -> bool:
        with store.read() as session:
            return session.scalar(select(func.min(Item.num_counted))) == overlap

    def work(number: int) -> None:
        labeler, dice = labelers[number], random.Random(number)
        while True:
            with store.write() as session:
                claim = assignment.claim_next(session, labeler, stage.id, now=time.time())
            if claim is None:
                if is_done():
                    return
                time.sleep(0.2)
                continue
            with lock:
                served[labeler.id, claim.item_id] += 1
            fate = dice.random()
            if fate < 0.05:
                continue  # the client dies, and comes back for what it had
            if fate < 0.07:
                time.sleep(1.3)  # the lease ends before the work is done
            if fate > 0.97:
                with store.write() as session:
                    answers.skip(session, labeler, claim.item_id, reason="", now=time.time())
                continue
            with store.write() as session:
                answer = answers.submit(
                    session, labeler, claim.item_id, ranked(LETTERS), guideline_id=None, active_s=1.0, now=time.time()
                )
                status = answer.status
            with lock:
                statuses[status] += 1

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failures == []
    with store.read() as session:
        counted = select(Answer.item_id, func.count()).where(Answer.status == "counted").group_by(Answer.item_id)
        assert {number for _, number in session.execute(counted)} == {overlap}
        assert session.scalars(select(func.count()).select_from(Answer)).one() == sum(statuses.values())
        assert statuses["counted"] == num_items * overlap
        pairs = session.execute(select(Answer.item_id, Answer.labeler_id)).all()
        assert len(set(pairs)) == len(pairs)
        skipped = set(session.execute(select(Skip.item_id, Skip.labeler_id)))
        assert not skipped & set(pairs)
    assert statuses["surplus"] > 0, "no lease ended in time to show anything"


def test_the_database_itself_refuses_a_second_claim(store: Database, at: At, clock: Clock) -> None:
    stage = add_ranking_stage(store, 1)
    anna = at("anna", stage)
    item = anna.claim()
    with pytest.raises(Exception, match=r"(?i)unique"), store.write() as session:
        session.add(
            Claim(
                item_id=item, stage_id=stage.id, labeler_id=anna.labeler.id, shown={}, claimed_at=0.0,
                heartbeat_at=0.0, expires_at=0.0,
            )
        )  # fmt: skip
