"""A full report's data, invented, with figures like those of a small run; for tests and for looking at."""

import numpy as np

from preceptor.records import Message
from preceptor.reporting.data import (
    CalibrationPoint,
    DataCount,
    Estimate,
    HealthFinding,
    LineageRow,
    OptimizationPath,
    OptimizationPoint,
    PolicyRow,
    ReportData,
    RewardModelFacts,
    RunCurves,
    Sample,
    SampleResponse,
)

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"></p></section> & \"quotes\""
)

NAMES = ("base", "base_prompted", "sft", "ppo", "ppo_ptx")
WIN = ((0.061, 0.037, 0.09), (0.204, 0.16, 0.251), (0.5, 0.5, 0.5), (0.667, 0.619, 0.716), (0.652, 0.602, 0.7))
GOLD = ((0.09, 0.07, 0.11), (0.27, 0.23, 0.31), (0.52, 0.48, 0.56), (0.71, 0.68, 0.75), (0.70, 0.67, 0.74))
LIKERT = ((1.6, 1.5, 1.7), (2.5, 2.3, 2.7), (3.9, 3.7, 4.1), (4.9, 4.7, 5.1), (4.8, 4.6, 5.0))
FLAGS = {
    "fails_instruction": (0.91, 0.66, 0.31, 0.17, 0.18),
    "satisfies_constraint": (0.12, 0.31, 0.58, 0.74, 0.73),
    "hallucination": (0.34, 0.29, 0.22, 0.15, 0.16),
    "harmful_advice": (0.11, 0.07, 0.04, 0.01, 0.01),
    "expresses_opinion": (0.08, 0.09, 0.05, 0.04, 0.04),
}
KL = (61.4, 40.2, 0.0, 5.8, 5.1)
LENGTH = (47.9, 38.1, 21.3, 24.6, 24.1)
LOSS = (1.82, 1.82, 2.11, 2.46, 2.19)

PROMPT = "Explain the moon landing to a child in two sentences."
TEXTS = {
    "base": "Explain the tides to a child in two sentences. Explain the theory of gravity to a six year old. List "
    "three animals that live in the sea. Write a letter to",
    "base_prompted": "The moon is a big ball in the sky. It goes around the earth and it is made of stone and the moon "
    "is a ball.",
    "sft": "In 1969 people flew to the moon in a rocket. They walked on it and the moon is made of cheese.",
    "ppo": "In 1969 two people flew to the moon in a rocket and walked on it. They brought some stones home.",
    "ppo_ptx": "In 1969 people flew to the moon in a big rocket. They walked on it and brought stones back.",
}


def estimate(triple: tuple[float, float, float]) -> Estimate:
    return Estimate(value=triple[0], low=triple[1], high=triple[2])


def rows() -> tuple[PolicyRow, ...]:
    return tuple(
        PolicyRow(
            name=name,
            gold_utility=estimate(GOLD[i]),
            win_rate_vs_sft=estimate(WIN[i]),
            likert=estimate(LIKERT[i]),
            flags={flag: estimate((v[i], max(0, v[i] - 0.04), v[i] + 0.04)) for flag, v in FLAGS.items()},
            kl_to_sft=KL[i],
            mean_length=LENGTH[i],
            pretraining_loss=LOSS[i],
        )
        for i, name in enumerate(NAMES)
    )


def reward_model() -> RewardModelFacts:
    bins = [(0.0, 0.54), (0.5, 0.63), (1.0, 0.72), (1.5, 0.78), (2.0, 0.84), (2.5, 0.9), (3.0, 0.93)]
    return RewardModelFacts(
        heldout_accuracy=estimate((0.742, 0.721, 0.763)),
        num_pairs=3128,
        num_prompts=384,
        by_group={"held_out": estimate((0.751, 0.72, 0.78)), "training": estimate((0.736, 0.709, 0.761))},
        length=estimate((0.561, 0.54, 0.582)),
        length_rule="longer wins",
        tfidf=estimate((0.668, 0.645, 0.69)),
        ceiling=0.838,
        agreement=estimate((0.729, 0.705, 0.752)),
        calibration=tuple(
            CalibrationPoint(
                low=low, high=low + 0.5, num_pairs=900 - int(250 * low), expected=1 / (1 + np.exp(-low - 0.25)),
                observed=estimate((right, right - 0.04, min(1, right + 0.04))),
            )
            for low, right in bins
        ),
        gate_open=True,
        gate_message="Held-out accuracy is 74.2 % (72.1 to 76.3 %, 3,128 pairs of 384 prompts): above chance, the "
        "length of the response alone (longer wins: 56.1 %) and counting its words (TF-IDF: 66.8 %). The gate is open.",
        dropped={"pair tied by the labeler": 611, "pair of identical responses": 204},
    )  # fmt: skip


def runs(generator: np.random.Generator) -> tuple[RunCurves, ...]:
    def rl(name: str, speed: float) -> RunCurves:
        noise = generator.normal(0, 1, (120, 4))
        return RunCurves.of(
            name,
            [
                {
                    "step": step,
                    "rollout/score": 1.1 - 1.2 * np.exp(-speed * step / 40) + 0.05 * noise[step - 1, 0],
                    "kl/reference": 7 * (1 - np.exp(-speed * step / 60)) + 0.15 * abs(noise[step - 1, 1]),
                    "rollout/length": 21 + 4 * (1 - np.exp(-step / 50)) + 0.4 * noise[step - 1, 2],
                    "ppo/entropy": 1.1 * np.exp(-step / 150) + 0.02 * noise[step - 1, 3],
                }
                for step in range(1, 121)
            ],
        )

    sft = []
    for step in range(1, 201):
        row = {"step": step, "sft/loss": 1.2 + 2.4 * np.exp(-step / 30) + 0.08 * generator.normal()}
        sft.append(row | ({"sft/valid_loss": 1.38 + 2 * np.exp(-step / 30)} if step % 20 == 0 else {}))
    reward = [
        {
            "step": i,
            "reward_model/loss": 0.5 + 0.2 * np.exp(-i / 12),
            "reward_model/accuracy": 0.74 - 0.24 * np.exp(-i / 12),
        }
        for i in range(1, 41)
    ]
    return (RunCurves.of("sft", sft), RunCurves.of("reward_model", reward), rl("ppo", 1.0), rl("ppo_ptx", 0.9))


def paths(generator: np.random.Generator, *, falls: bool) -> tuple[OptimizationPath, ...]:
    found = []
    for name in ("ppo", "ppo_ptx"):
        points = []
        for i, kl in enumerate(np.linspace(0, 3 if not falls else 7, 13) ** 2):
            gold = 0.52 + 0.21 * (1 - np.exp(-i / 3)) - (0.03 * max(0, i - 5) if falls else 0)
            proxy = -0.05 + 0.1 * i
            points.append(
                OptimizationPoint(
                    step=10 * i, kl=kl, proxy=proxy, gold=gold + generator.normal(0, 0.006), heldout=0.7 * proxy + 0.02
                )
            )
        message = (
            "Over-optimised since step 50: the proxy reward rose from 0.45 to 1.10 while gold utility fell from "
            "0.69 to 0.53."
            if falls
            else "No over-optimisation seen: gold utility went from 0.52 to 0.71 while the proxy "
            "reward went from -0.05 to 1.15."
        )
        since = 50 if falls else None
        found.append(OptimizationPath(name=name, points=tuple(points), message=message, overoptimized_since=since))
    return tuple(found)


def samples() -> tuple[Sample, ...]:
    def responses(texts: dict[str, str], golds: tuple[float, ...]) -> tuple[SampleResponse, ...]:
        return tuple(
            SampleResponse(
                policy=name, text=texts[name], gold_utility=gold, flags=("hallucination",) if gold == 0.48 else ()
            )
            for name, gold in zip(NAMES, golds, strict=True)
        )

    chat = (
        Message(role="user", content="Hello! I am called Ada."),
        Message(role="assistant", content="Hello, Ada. What can I do for you?"),
        Message(role="user", content=f"Say my name backwards. {HOSTILE}"),
    )
    return (
        Sample(
            messages=(Message(role="user", content=PROMPT),), use_case="generation",
            responses=responses(TEXTS, (0.05, 0.3, 0.48, 0.95, 0.91)),
        ),
        Sample(
            messages=chat, use_case="chat",
            responses=responses(
                dict.fromkeys(NAMES, HOSTILE) | {"base": "", "ppo": "Your name backwards is adA.\n\nIs there more?",
                                                 "ppo_ptx": "x" * 120}, (0, 0.1, 0.3, 0.9, 0.2)
            ),
        ),
    )  # fmt: skip


def example_report(*, falls: bool = False, **changes: object) -> ReportData:
    """A report like that of a quickstart; `falls` makes it over-optimised."""
    generator = np.random.default_rng(0)
    data = ReportData(
        seed=0, origin="simulated", num_prompts=200, num_labelers=8, policies=rows(), reward_model=reward_model(),
        runs=runs(generator), optimization=paths(generator, falls=falls), samples=samples(),
        data=(
            DataCount(name="prompts", rows=3000, origin="human", dropped={"same first 40 words": 12}),
            DataCount(name="demonstrations", rows=412, origin="simulated", dropped={}, content_hash="bb22"),
            DataCount(name="rankings", rows=2560, origin="simulated",
                      dropped={"fewer than two different responses": 31, "response longer than max_tokens": 4}),
        ),
        config={"seed": 0, "sft": {"num_epochs": 3, "optim": {"learning_rate": 1e-3}}, "note": HOSTILE},
        lineage=(
            LineageRow(name="base model", hash="f00dfacecafe1234"),
            LineageRow(name="sft", hash="0123456789abcdef", parents=("f00dfacecafe1234", "bb22")),
            LineageRow(name="reward model", hash="9876543210fedcba", parents=("0123456789abcdef",)),
            LineageRow(name="ppo", hash="aaaabbbbccccdddd", parents=("0123456789abcdef", "9876543210fedcba")),
        ),
        seconds={"prompts and demonstrations": 6.2, "sft": 58.0, "candidates": 21.4, "reward_model": 49.9, "ppo": 93.0,
                 "ppo_ptx": 101.2, "evaluation": 25.0},
        health=(
            HealthFinding(stage="ppo", name="KL at step 0", is_ok=True, message="0.00000 nats, as it must be."),
            HealthFinding(stage="ppo", name="First ratio", is_ok=True, message="1.00000, clip fraction 0."),
        ),
        version="0.1.0", machine="2 CPU cores", made_at="7 March 2031",
    )  # fmt: skip
    return data.model_copy(update=changes)
