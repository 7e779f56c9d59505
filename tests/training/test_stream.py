"""Rows by step: each epoch a fresh permutation, and nothing to remember."""

import pytest

from preceptor.training.stream import Stream

ROWS = list(range(7))


def test_each_epoch_is_a_permutation_and_another_one() -> None:
    stream = Stream(7, seed=0, name="rows")
    epochs = [[stream[position] for position in range(7 * epoch, 7 * epoch + 7)] for epoch in range(20)]
    assert all(sorted(epoch) == ROWS for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 15


def test_batches_run_on_over_the_end_of_an_epoch() -> None:
    stream = Stream(7, seed=0, name="rows")
    batches = [stream.take(ROWS, step, 3) for step in range(1, 8)]
    assert all(len(batch) == 3 for batch in batches)
    flat = [row for batch in batches for row in batch]
    assert all(sorted(flat[start : start + 7]) == ROWS for start in (0, 7, 14))


def test_nothing_is_taken_beyond_the_last_position() -> None:
    stream = Stream(7, seed=0, name="rows")
    assert [len(stream.take(ROWS, step, 4, last=10)) for step in range(1, 5)] == [4, 4, 2, 0]


def test_a_stream_opened_in_the_middle_goes_on_as_the_first_would_have() -> None:
    first = Stream(7, seed=3, name="rows")
    expected = [first.take(ROWS, step, 3) for step in range(1, 30)]
    for start in (2, 9, 20):
        again = Stream(7, seed=3, name="rows")
        assert [again.take(ROWS, step, 3) for step in range(start, 30)] == expected[start - 1 :]


def test_seed_and_name_decide_the_order() -> None:
    def order(seed: int, name: str) -> list[int]:
        return Stream(50, seed, name).take(list(range(50)), 1, 50)

    assert order(0, "rows") == order(0, "rows")
    assert order(0, "rows") != order(1, "rows")
    assert order(0, "rows") != order(0, "texts")


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        Stream(0, seed=0, name="rows")
