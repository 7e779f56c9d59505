"""The rows of the goals' table: who does what against whom, and what we want to reach."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.speed.worker import Side

Measure = Literal["speed", "memory", "seconds", "mfu"]
"""speed: the peer's time over ours, for the same work. memory: our peak over the peer's. seconds: ours.
mfu: our FLOP/s over those of the fastest matrix product measured in the same run."""
MORE_IS_BETTER = ("speed", "mfu")
"""Of the others, less is."""


@dataclass(frozen=True)
class Goal:
    """What a measure should come to."""

    measure: Measure
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether a value is at least as good."""
        return value >= self.bound if self.measure in MORE_IS_BETTER else value <= self.bound


@dataclass(frozen=True)
class Row:
    """Two sides that do the same work."""

    title: str
    ours: Side
    goals: tuple[Goal, ...]
    peer: Side | None = None
    peer_title: str = ""
    differences: str = ""
    """What is known not to be equal."""
    is_quick: bool = False
    """Whether `make bench-check` runs it."""


def speed(at_least: float) -> tuple[Goal, ...]:
    """The goal of most rows."""
    return (Goal("speed", at_least),)


def rows() -> Mapping[str, Row]:
    """All rows by name, in the table's order."""
    return ppo_rows() | group_rows() | reward_model_rows() | sft_rows() | generation_rows() | own_rows()


def differences() -> Mapping[str, list[str]]:
    """What is known not to be equal, and the names of the rows that it is about."""
    found: dict[str, list[str]] = {}
    for name, row in rows().items():
        if row.differences:
            found.setdefault(row.differences, []).append(name)
    return found


def ppo_rows() -> dict[str, Row]:
    """PPO steps against TRL's, as it is shipped and with bf16 weights."""
    made = {}
    about = (
        "TRL computes logits at all positions, and the sampler's log-probabilities in a pass of their own; it keeps no "
        "moving average of weights. Its order of prompts is drawn, ours is fixed."
    )
    for size, dtype, goals in (
        ("tiny", "float32", speed(5)),
        ("tiny", "bfloat16", speed(3)),
        ("small", "float32", (*speed(6), Goal("memory", 0.3))),
        ("small", "bfloat16", speed(2.5)),
    ):
        made[f"ppo-{size}-{SHORT[dtype]}"] = Row(
            title=f"PPO step, {size}", goals=goals, differences=about, is_quick=size == "tiny" and dtype == "float32",
            ours=Side("ours.rl", options={"size": size, "algorithm": "ppo"}),
            peer=Side("peers.trl_ppo", "trl-ppo", {"size": size, "dtype": dtype}),
            peer_title=f"TRL 1.12 PPO, {SHORT[dtype]}",
        )  # fmt: skip
    return made


def group_rows() -> dict[str, Row]:
    """Eight responses to a prompt, four updates on each rollout."""
    about = "TRL stops at the tokenizer's end token, here `<unk>`: about 3 % of its responses are shorter."
    return {
        f"reinforce-tiny-{peer}-{name}": Row(
            title="REINFORCE step, 8 samples a prompt, tiny", goals=speed(5), differences=about,
            ours=Side("ours.rl", options={"size": "tiny", "algorithm": "reinforce"}),
            peer=Side("peers.trl_group", "trl", {"size": "tiny", "trainer": peer, "bf16": name == "bf16"}),
            peer_title=f"TRL {peer.upper()}, {TRL_TYPES[name]}",
        )
        for peer in ("grpo", "rloo")
        for name in TRL_TYPES
    }  # fmt: skip


def reward_model_rows() -> dict[str, Row]:
    """Rankings of K against their pairs."""
    return {
        f"reward-model-{num}": Row(
            title=f"reward-model step, K = {num}, small", goals=speed(goal), is_quick=num == 4,
            ours=Side("ours.reward_model", options={"size": "small", "num_responses": num}),
            peer=Side("peers.pairs", "trl", {"size": "small", "num_responses": num, "dtype": "bfloat16"}),
            peer_title="each pair on its own, bf16", differences="The peer keeps no fp32 copy of the weights.",
        )
        for num, goal in ((4, 5), (6, 10), (9, 15))
    }  # fmt: skip


def sft_rows() -> dict[str, Row]:
    """Texts of lognormal lengths against TRL's padded ones; of equal lengths against transformers' own forward pass."""
    made = {
        f"sft-tiny-{name}": Row(
            title="SFT, lengths lognormal, tiny", goals=speed(goal), is_quick=name == "fp32",
            ours=Side("ours.sft", options={"size": "tiny", "lengths": "lognormal"}),
            peer=Side("peers.trl_sft", "trl", {"size": "tiny", "bf16": name == "bf16"}),
            peer_title=f"TRL SFT, {TRL_TYPES[name]}",
        )
        for name, goal in (("fp32", 6), ("bf16", 4))
    }  # fmt: skip
    about = "The peer computes all logits of 16 texts at once. The time that torch.compile takes before is not counted."
    for name, title in (("eager", "transformers, bf16"), ("compiled", "transformers, bf16, torch.compile")):
        made[f"sft-small-{name}"] = Row(
            title="SFT, lengths equal, small", goals=speed(1),
            ours=Side("ours.sft", options={"size": "small", "lengths": "equal", "precision": "bfloat16"}),
            peer=Side("peers.plain_sft", "trl", {"size": "small", "is_compiled": name == "compiled"}), peer_title=title,
            differences=about,
        )  # fmt: skip
    return made


def generation_rows() -> dict[str, Row]:
    """Responses of 64 tokens each."""
    made = {}
    for size, num, goal in (("tiny", 64, 3.5), ("tiny", 256, 3.5), ("small", 64, 2.5), ("small", 256, 2.5)):
        options = {"size": size, "batch_size": num}
        made[f"generate-{size}-{num}"] = Row(
            title=f"generation, {size}, batch {num}", goals=speed(goal), is_quick=size == "tiny" and num == 64,
            ours=Side("ours.generation", options=options | {"precision": "bfloat16"}),
            peer=Side("peers.generation", "trl", options | {"dtype": "bfloat16"}),
            peer_title="transformers generate, bf16",
            differences="Only ours keeps the log-probabilities of what it draws, and a seed for each row.",
        )  # fmt: skip
    for size, goal in (("tiny", 5.0), ("small", 4.0)):
        for engine, title in (("generate", "transformers generate"), ("continuous", "its continuous batching")):
            made[f"endings-{size}-{engine}"] = Row(
                title=f"generation with natural stops, {size}", goals=speed(goal),
                ours=Side("ours.endings", options={"size": size}),
                peer=Side("peers.endings", "trl", {"size": size, "engine": engine}), peer_title=f"{title}, bf16",
                differences="Lengths are equal within a token or so: compared by seconds per token.",
            )  # fmt: skip
    for size, goal in (("tiny", 2.0), ("small", 1.2)):
        options = {"size": size, "batch_size": 64}
        made[f"vllm-{size}"] = Row(
            title=f"generation, {size}, batch 64", goals=speed(goal),
            ours=Side("ours.generation", options=options | {"precision": "bfloat16"}),
            peer=Side("peers.vllm_generation", "vllm", options | {"dtype": "bfloat16"}),
            peer_title="vLLM, bf16, compiled",
            differences="Only ours keeps the log-probabilities of what it draws, and a seed for each row.",
        )  # fmt: skip
    return made


def own_rows() -> dict[str, Row]:
    """What is measured against a bound, not a peer."""
    options = {"size": "small", "lengths": "equal", "precision": "bfloat16"}
    return {
        "mfu-small": Row("bf16 training, MFU, small", Side("ours.sft", options=options), (Goal("mfu", 0.25),)),
        "start-up": Row("preceptor --help", Side("ours.start"), (Goal("seconds", 0.3),), is_quick=True),
    }  # fmt: skip


TRL_TYPES = {"fp32": "fp32", "bf16": "bf16 (its default)"}
"""Of TRL 1.16; its PPO of 1.12 knows fp32 only."""
SHORT = {"float32": "fp32", "bfloat16": "bf16"}
