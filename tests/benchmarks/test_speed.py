"""The speed benchmark: what it computes from turns, what it compares, and that its sides can be told what to do."""

import json
import math
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaForCausalLM

from benchmarks.speed.check import lasting, losses
from benchmarks.speed.costs import COSTS, exponent
from benchmarks.speed.environments import ROOT
from benchmarks.speed.measuring import goals, measured
from benchmarks.speed.memory import STAGES
from benchmarks.speed.models import END_SHARE, ending_model, llama_config, tokenizer
from benchmarks.speed.pairing import Rounds, Turn, ratio_of_medians, take_turns
from benchmarks.speed.parts import parts
from benchmarks.speed.phases import works
from benchmarks.speed.picture import phase_bars
from benchmarks.speed.results import rounded
from benchmarks.speed.rows import Goal, Row, rows
from benchmarks.speed.table import ceiling, lines
from benchmarks.speed.work import END, ENDING, PAD, SIZES, lognormal_lengths, padded_left, prompts, ranked, text
from benchmarks.speed.worker import Side, Worker, WorkerFailed
from preceptor.models import trunk
from preceptor.records import Message
from preceptor.text.chat import Chat
from preceptor.text.packing import Layout

LIMITS = {"peak_flops_per_s": {"fp32": 10.0, "bf16": 100.0}, "bytes_per_s": {"16 MB": 50.0}}

# ── ratios ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ratio_is_of_medians_and_its_interval_is_of_pairs() -> None:
    found = ratio_of_medians([10, 20, 900], [1, 2, 4])
    assert found.value == 10
    assert found.low == 10
    assert found.high == 225
    same = ratio_of_medians([6, 6, 6], [2, 2, 2])
    assert (same.value, same.low, same.high) == (3, 3, 3)


def test_one_pair_has_no_interval() -> None:
    found = ratio_of_medians([6], [2])
    assert found.value == 3
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def side(name: str, seconds: float, foreign: list[float], heard: list[tuple[str, int]]) -> Callable[[int], Turn]:
    """A side that takes so long, while other processes do what they do."""

    def turn(num_units: int) -> Turn:
        heard.append((name, num_units))
        return {"seconds": seconds, "foreign": foreign.pop(0), "phases": {}, "peak_mib": 1}

    return turn


def test_sides_take_turns_and_disturbed_rounds_are_dropped() -> None:
    heard: list[tuple[str, int]] = []
    ours = side("ours", 0.3, [0.0, 0.0, 0.09, 0.0], heard)
    theirs = side("theirs", 2.0, [0.5, 0.0, 0.0, 0.0], heard)
    rounds = take_turns([ours, theirs], 2)
    assert len(rounds.kept) == 2
    assert rounds.num_dropped == 1
    assert heard[:2] == [("ours", 1), ("theirs", 1)], "the warm-up may be disturbed"
    assert heard[2:] == [("ours", 4), ("theirs", 1)] * 3, "what takes 0.3 s is done four times in a turn"


def test_a_machine_that_is_never_quiet_gives_no_rounds() -> None:
    rounds = take_turns([side("ours", 2.0, [1.0] * 9, [])], 3)
    assert (len(rounds.kept), rounds.num_dropped) == (0, 6)


def test_measures_are_theirs_over_ours_in_time_and_ours_over_theirs_in_memory() -> None:
    ours = {"seconds": 1.0, "peak_mib": 100, "tokens": 50}
    theirs = {"seconds": 8.0, "peak_mib": 400, "tokens": 100}
    found = measured(Rounds([(ours, theirs)] * 3, 0), peak_flops=1.0)
    assert found["speed"].value == 4, "they did twice the tokens"
    assert found["memory"].value == 0.25
    del theirs["tokens"]
    assert measured(Rounds([(ours, theirs)] * 3, 0), peak_flops=1.0)["speed"].value == 8


def test_mfu_is_the_share_of_the_peak() -> None:
    alone = {"seconds": 2.0, "peak_mib": 1, "flops": {"learn": 60.0}}
    found = measured(Rounds([(alone,)], 0), peak_flops=100.0)
    assert found["mfu"].value == pytest.approx(0.3)
    assert "speed" not in found


def test_goals_are_met_on_their_side_of_the_bound() -> None:
    assert Goal("speed", 5.0).is_met(5.1)
    assert not Goal("speed", 5.0).is_met(4.9)
    assert Goal("memory", 0.3).is_met(0.2)
    assert not Goal("memory", 0.3).is_met(0.4)
    nothing = goals(Row("a row", Side("ours.sft"), (Goal("speed", 5.0),)), {})
    assert nothing == [{"measure": "speed", "bound": 5.0, "is_met": None}]


# ── the check against the committed figures ─────────────────────────────────────────────────────────────────────────


def figure(measure: str, value: float, low: float | None, high: float | None) -> dict[str, Any]:
    """A row as results have it."""
    goal = {"measure": measure, "bound": 1.0, "is_met": True}
    return {"goals": [goal], "measures": {measure: {"value": value, "low": low, "high": high}}}


@pytest.mark.parametrize(
    ("measure", "old", "new", "is_lost"),
    [
        ("speed", 5.0, (4.0, 3.9, 4.1), True),
        ("speed", 5.0, (4.0, 2.0, 5.1), False),  # the interval still holds the old figure
        ("speed", 5.0, (4.6, 4.5, 4.7), False),  # 8 % is not 10
        ("speed", 5.0, (9.0, 8.0, 9.5), False),
        ("speed", 5.0, (4.0, None, None), True),
        ("memory", 0.3, (0.4, 0.39, 0.41), True),
        ("memory", 0.3, (0.2, 0.19, 0.21), False),
        ("memory", 0.3, (0.4, 0.29, 0.5), False),
        ("seconds", 0.2, (0.25, 0.24, 0.26), True),
        ("mfu", 0.25, (0.2, 0.19, 0.21), True),
    ],
)
def test_what_is_more_than_a_tenth_worse_is_named(
    measure: str, old: float, new: tuple[float, float | None, float | None], is_lost: bool
) -> None:
    found = losses({"row": figure(measure, old, old, old)}, {"row": figure(measure, *new)})
    assert bool(found) == is_lost
    assert all(line.startswith(f"row: {measure} was {old:.3g}, is ") for line in found.get("row", []))


def test_a_figure_that_is_gone_is_named_and_a_new_one_is_not() -> None:
    gone = {"goals": [{"measure": "speed", "bound": 1.0, "is_met": None}], "failed": "no compiler"}
    found = losses({"row": figure("speed", 5, 5, 5)}, {"row": gone})
    assert found == {"row": ["row: speed was 5, and now there is none: no compiler"]}
    assert not losses({}, {"row": figure("speed", 1, 1, 1)})


def test_only_what_is_worse_twice_is_lost() -> None:
    baseline = {name: figure("speed", 5, 5, 5) for name in ("slow", "disturbed", "quick")}
    asked = []

    def measured(names: Collection[str]) -> dict[str, Any]:
        asked.append(list(names))
        is_first = len(asked) == 1
        speeds = {"slow": 3.0, "disturbed": 3.0 if is_first else 5.0, "quick": 5.0}
        return {name: figure("speed", *[speeds[name]] * 3) for name in names}

    assert lasting(baseline, list(baseline), measured) == ["slow: speed was 5, is 3 (3 – 3)"]
    assert asked == [["slow", "disturbed", "quick"], ["slow", "disturbed"]]
    asked.clear()
    assert lasting(baseline, ["quick"], measured) == []
    assert asked == [["quick"]], "nothing is measured again where nothing seems lost"


# ── rows and the other parts ────────────────────────────────────────────────────────────────────────────────────────


def all_sides() -> list[Side]:
    """Every side that anything runs."""
    found = [one for row in rows().values() for one in (row.ours, row.peer) if one is not None]
    found += [ours for _, ours in STAGES.values()]
    return found + [cost.side(amount) for cost in COSTS.values() for amount in cost.amounts]


def test_every_side_is_a_module_of_the_benchmark_with_options_that_can_be_told() -> None:
    for one in all_sides():
        assert (ROOT / "benchmarks" / "speed" / f"{one.module.replace('.', '/')}.py").is_file(), one.module
        assert json.loads(json.dumps(dict(one.options))) == dict(one.options)
        assert (one.environment == "ours") == one.module.startswith("ours.")


def test_the_rows_are_those_of_the_goals_and_parts_have_their_own_names() -> None:
    kinds = Counter(goal.measure for row in rows().values() for goal in row.goals)
    assert kinds == {"speed": 25, "memory": 1, "mfu": 1, "seconds": 1}
    assert all(row.peer is not None for row in rows().values() if row.goals[0].measure == "speed")
    assert any(row.is_quick for row in rows().values())
    names = Counter(part.name for part in parts(num_pairs=1, num_threads=1, max_foreign=0.0))
    assert max(names.values()) == 1


def test_a_row_without_figures_still_has_its_line() -> None:
    row = {"title": "a", "peer": "b", "failed": "why", "goals": [{"measure": "speed", "bound": 2.0, "is_met": None}]}
    (cells,) = lines({"rows": {"a": row}, "limits": LIMITS}, "rows")
    assert cells == ("a", "b", "≥ 2.0×", "–", "–", "–", "–", "–", "–", "0")


def test_a_row_says_what_its_speed_could_be_at_most() -> None:
    ours = {"seconds": 8.0, "flops": {"generate": 50.0, "learn": 50.0}, "bytes": {"generate": 50.0}}
    assert ceiling({"value": 3.0}, ours, LIMITS) == "12.0×", "two seconds of the eight cannot be saved"
    assert ceiling({"value": 3.0}, {"seconds": 8.0}, LIMITS) == "–"


# ── the work ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_both_sides_make_the_same_tokens() -> None:
    assert prompts("tiny", 3, turn=1) == prompts("tiny", 3, turn=1) != prompts("tiny", 3, turn=2)
    assert [len(row) for row in prompts("tiny", 3, 0, shortest=9, longest=9)] == [9] * 3
    ((prompt, *responses),) = ranked("tiny", 1, 4, turn=0)
    assert (len(prompt), [len(one) for one in responses]) == (128, [64] * 4)
    assert all(one[-1] == END for one in responses)


def test_words_are_tokens_and_padding_is_on_the_left() -> None:
    (row,) = prompts("tiny", 1, turn=0)
    chat = Chat(tokenizer(SIZES["tiny"]))
    assert chat.prompt([Message(role="user", content=text(row))]) == row
    assert chat.response(text(row)) == [*row, END]
    assert padded_left([[5], [6, 7]]) == ([[PAD, 5], [6, 7]], [[0, 1], [1, 1]])


def test_lengths_have_the_mean_that_is_asked_for() -> None:
    lengths = lognormal_lengths(20_000, 0, mean=50, longest=100_000)
    assert np.mean(lengths) == pytest.approx(50, rel=0.02)
    assert max(lognormal_lengths(500, 0, mean=50, longest=64)) == 64


def test_flops_are_those_that_torch_counts() -> None:
    size, num_tokens = SIZES["tiny"], 64
    llama = LlamaForCausalLM._from_config(llama_config(size), attn_implementation="eager")
    assert sum(weights.numel() for weights in llama.parameters()) == pytest.approx(size.num_matrix_weights, rel=0.01)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        llama(torch.randint(4, size.vocabulary, (1, num_tokens)))
    attention = 4 * size.num_layers * size.width * num_tokens**2
    # torch multiplies all pairs of tokens; only half of them lie in the past.
    assert counter.get_total_flops() - attention / 2 == pytest.approx(size.flops(num_tokens, num_tokens), rel=0.01)


def test_the_last_layer_works_for_the_tokens_asked_for() -> None:
    size, num_tokens, num_asked = SIZES["tiny"], 64, 16
    llama = LlamaForCausalLM._from_config(llama_config(size))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        tokens_N = torch.randint(4, size.vocabulary, (num_tokens,))
        trunk.hidden_states(
            llama, Layout.padded([num_tokens]), tokens_N, torch.arange(num_tokens - num_asked, num_tokens)
        )
    attention = 4 * size.num_layers * size.width * num_tokens**2
    seen = (size.num_layers - 1) * sum(range(num_tokens)) + sum(range(num_tokens - num_asked, num_tokens))
    counted = 4 * size.width * seen
    products = size.flops(num_tokens, num_asked, has_head=False) - counted
    assert counter.get_total_flops() - attention == pytest.approx(products, rel=0.01)


def test_decoding_reads_the_weights_each_time_and_all_keys_so_far() -> None:
    size = SIZES["tiny"]
    one_place = 2 * 2 * size.num_layers * size.width  # keys and values in two bytes
    found = size.decoding_bytes(num_prompt=10, num_rows=2, num_steps=3)
    assert found == 3 * 2 * size.num_matrix_weights + one_place * (3 * 10 + 2 * (1 + 2 + 3))


def test_the_share_of_a_bound_is_its_time_over_the_phase() -> None:
    turn = {"phases": {"decode": 4.0}, "flops": {"decode": 100.0}, "bytes": {"decode": 50.0}}
    results = {"phases": {"tiny": {"size": "tiny", "stages": {"step": works(turn)}}}, "limits": LIMITS}
    assert list(lines(results, "phases")) == [("tiny", "step", "decode", "4.000 s", "2.000 s", "50 %")]
    assert phase_bars(results["phases"]["tiny"], LIMITS) == [("step: decode", {"bound": 2.0, "beyond it": 2.0})]


def test_exponents_are_slopes() -> None:
    assert exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert exponent([1, 2, 4], [5, 5, 5]) == pytest.approx(0)


def test_responses_of_the_ending_model_end_at_their_rate_everywhere() -> None:
    torch.manual_seed(0)
    model = ending_model(llama_config(SIZES["tiny"]))
    with torch.no_grad():
        share_BT = model(torch.randint(4, 2048, (16, 96))).logits.softmax(-1)[..., END]
    assert float(share_BT.mean()) == pytest.approx(END_SHARE, rel=0.1)
    assert float(share_BT[:, -16:].mean()) == pytest.approx(END_SHARE, rel=0.1), "late as early"
    assert np.mean(ENDING.lengths()) == pytest.approx(ENDING.longest / 3, rel=0.1)


def test_numbers_are_kept_with_four_digits() -> None:
    assert rounded({"a": [1.23456, 7], "b": (None, "x"), "c": 123456.0}) == {
        "a": [1.235, 7], "b": [None, "x"], "c": 123500.0
    }  # fmt: skip


# ── the two ends of the line ────────────────────────────────────────────────────────────────────────────────────────


def test_a_side_works_when_told_and_says_how_long_it_took() -> None:
    with Worker(Side("ours.start"), num_threads=1) as worker:
        found = worker.turn(2)
    assert found["seconds"] > 0
    assert found["peak_mib"] >= worker.ready["ready_mib"] > 0
    assert found["foreign"] >= 0


def test_a_side_that_fails_says_why() -> None:
    with pytest.raises(WorkerFailed, match=r"ours\.nothing: .*No module named"):
        Worker(Side("ours.nothing"), num_threads=1)
