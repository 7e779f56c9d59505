"""The steps, by their properties: a function of the set of raw prompts, by user, nobody on two sides."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from preceptor.prompts.config import BuildConfig
from preceptor.prompts.making import Beyond, Made, make_prompts
from preceptor.prompts.raw import Raw
from preceptor.prompts.steps import Drop, decide
from preceptor.records import Prompt
from tests.prompts.rows import InMemory, in_order, raw

OFF = BuildConfig.model_validate(
    {"exact": False, "prefix": {"is_on": False}, "near": {"is_on": False}, "max_per_user": None}
)
USERS = st.one_of(st.none(), st.sampled_from(["ann", "ben", "cem", "dia", "eva"]))
TEXTS = st.lists(st.sampled_from(["a", "B", "c  d", "ü", "word " * 45, "sun", "moon", "rain"]), min_size=1, max_size=6)
ROWS = st.lists(st.tuples(TEXTS.map(" ".join), USERS), max_size=40).map(lambda rows: [raw(*row) for row in rows])


def built(rows: list[Raw], config: BuildConfig, seed: int = 0) -> tuple[list[Prompt], list[Drop]]:
    prompts = InMemory(rows)
    decisions = decide(prompts, config, seed)
    kept = list(make_prompts(prompts, decisions, config, Beyond(), Made.nothing(config)))
    return kept, list(decisions.logged())


def only(**changes: object) -> BuildConfig:
    return OFF.model_copy(update=changes)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_user_is_in_two_splits_and_the_order_of_import_is_nothing(rows, random, seed) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = built(rows, BuildConfig(), seed), built(shuffled, BuildConfig(), seed)
    assert first == second
    of: dict[str, set[str]] = defaultdict(set)
    for prompt in first[0]:
        if prompt.user:
            of[prompt.user].add(prompt.split)
    assert all(len(splits) == 1 for splits in of.values())


@given(ROWS, st.sampled_from(["ann", "ben"]))
@settings(max_examples=60, deadline=None)
def test_a_user_s_split_does_not_depend_on_other_users(rows, user) -> None:
    mine = [row for row in rows if row.user == user]
    alone = {prompt.split for prompt in built(mine, BuildConfig())[0]}
    among = {prompt.split for prompt in built(rows, BuildConfig())[0] if prompt.user == user}
    assert len(alone | among) <= 1


@given(ROWS)
@settings(max_examples=60, deadline=None)
def test_every_raw_prompt_is_kept_or_logged_with_one_that_stands_for_it(rows) -> None:
    kept, drops = built(rows, BuildConfig())
    ids = {prompt.id for prompt in kept}
    dropped = {drop.id: drop for drop in drops}
    assert ids | set(dropped) == {row.key[:16] for row in rows}
    assert not ids & set(dropped)
    for drop in drops:
        while drop.like in dropped:  # what stood for it may have been left out by a later step
            drop = dropped[drop.like]
        assert drop.like in ids or drop.like is None


@given(ROWS)
@settings(max_examples=30, deadline=None)
def test_with_all_steps_off_all_raw_prompts_are_in_the_data(rows) -> None:
    kept, drops = built(rows, OFF)
    assert len(kept) == len(in_order(rows))
    assert not drops


def test_equal_texts_are_equal_up_to_case_space_and_form() -> None:
    rows = [raw("Ｗhat  is\nthis?", "a"), raw("what is THIS?", "b"), raw("what is that?", "c")]
    kept, (drop,) = built(rows, only(exact=True))
    assert len(kept) == 2
    assert drop.step == "exact duplicate"
    assert drop.like in {prompt.id for prompt in kept}


def test_long_common_prefixes_by_words_or_by_characters() -> None:
    words = " ".join(f"w{number}" for number in range(40))
    long = "x" * 200
    config = only(prefix=BuildConfig().prefix)
    assert len(built([raw(f"{words} one"), raw(f"{words} two")], config)[0]) == 1
    assert len(built([raw(f"{long}one"), raw(f"{long}two")], config)[0]) == 1
    short = " ".join(words.split()[:39])
    assert len(built([raw(f"{short} one"), raw(f"{short} two")], config)[0]) == 2
    assert len(built([raw("the same"), raw("the same", "ann")], config)[0]) == 2, "short ones are not its matter"


def test_near_duplicates_are_one_prompt() -> None:
    words = [f"w{number}" for number in range(30)]
    edited = [*words[:29], "other"]
    config = only(near=BuildConfig().near)
    assert len(built([raw(" ".join(words)), raw(" ".join(edited))], config)[0]) == 1
    assert len(built([raw(" ".join(words)), raw(" ".join(words[::-1]))], config)[0]) == 2


def test_at_most_so_many_prompts_of_one_user() -> None:
    rows = [raw(f"p{number}", "ann") for number in range(300)] + [raw(f"q{number}") for number in range(300)]
    kept, drops = built(rows, only(max_per_user=200))
    assert sum(prompt.user == "ann" for prompt in kept) == 200
    assert sum(prompt.user is None for prompt in kept) == 300, "nobody in particular has no limit"
    assert {drop.step for drop in drops} == {"more prompts of one user"}
    assert BuildConfig().max_per_user == 200, "the paper's"


def test_the_shares_of_the_splits_are_those_of_the_users() -> None:
    rows = [raw(f"p{number}", f"u{number}") for number in range(4000)]
    shares = Counter(prompt.split for prompt in built(rows, OFF)[0])
    np.testing.assert_allclose([shares["train"], shares["valid"], shares["test"]], [3200, 400, 400], atol=80)


def test_steps_are_counted_one_after_the_other() -> None:
    rows = [raw("same", "a"), raw("same", "b"), raw("other", "b")]
    decisions = decide(InMemory(rows), BuildConfig(), 0)
    assert {step.name: step.num_dropped for step in decisions.steps} == {
        "exact duplicate": 1, "long common prefix": 0, "near duplicate": 0, "more prompts of one user": 0,
    }  # fmt: skip
    assert [step.num_read for step in decisions.steps] == [3, 2, 2, 2]


def test_personal_data_is_treated_on_the_train_split_and_nowhere_else() -> None:
    rows = [raw(f"Write to someone{number}@example.org please", f"u{number}") for number in range(60)]
    rows += [raw(f"My card is 4111 1111 1111 1111, number {number}?", f"v{number}") for number in range(60)]
    kept, drops = built(rows, OFF)
    for prompt in kept:
        assert ("[EMAIL]" in prompt.text) == (prompt.split == "train" and "Write" in prompt.text)
    assert {prompt.split for prompt in kept if "card" in prompt.text} == {"valid", "test"}
    assert {drop.step for drop in drops} == {"personal data"}
    assert len(kept) + len(drops) == len(rows)


def test_languages_are_counted_and_can_be_chosen() -> None:
    rows = [raw("Wie wird das Wetter morgen in den Bergen sein?"), raw("What will the weather be like tomorrow?")]
    assert len(built(rows, OFF)[0]) == 2
    kept, (drop,) = built(rows, only(languages=("en",)))
    assert [prompt.text for prompt in kept] == ["What will the weather be like tomorrow?"]
    assert drop.step == "language"
