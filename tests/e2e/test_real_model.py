"""SFT, reward model and PPO on a real pretrained model: stories260k, which nobody here wrote."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from preceptor.models.load import load_policy, load_reward_model
from preceptor.models.scoring import score_responses
from preceptor.records import Demonstration, Message, read_artifact
from preceptor.runs.metrics import read_metrics
from preceptor.training.sft import encode, mean_nll
from tests.commands import preceptor
from tests.planted_project import write_recipe

ANIMALS = ("cat", "dog", "bird", "frog", "bear", "fish", "bunny", "mouse", "duck", "cow")
NAMES = ("Tim", "Lily", "Max", "Sue", "Ben", "Mia", "Tom", "Amy")
MOODS = ("happy", "sad")
ASKED = Message(role="user", content="Tell a happy story about a cat named Tim.")


def asked(number: int, split: str) -> dict[str, Any]:
    animal, name = ANIMALS[number % len(ANIMALS)], NAMES[number // len(ANIMALS) % len(NAMES)]
    mood = MOODS[(number * 3 + number // 80) % 2]
    text = f"Tell a {mood} story about a {animal} named {name}."
    return {"id": f"p-{number}", "split": split, "messages": [{"role": "user", "content": text}]}


def story(mood: str, animal: str, name: str) -> str:
    return f"Once upon a time, there was a {animal} named {name}. {name} was {mood}."


def told(prompt: dict[str, Any], mood: str | None = None) -> str:
    words = prompt["messages"][0]["content"].rstrip(".").split()
    return story(mood or words[2], words[6], words[8])


def ranking(number: int, labeler: str, group: str) -> dict[str, Any]:
    chance = random.Random(number)
    prompt = asked(number, "train")
    right = prompt["messages"][0]["content"].split()[2]
    moods = ["happy", "sad", "happy", "sad"]
    chance.shuffle(moods)
    texts = [story(mood, chance.choice(ANIMALS), chance.choice(NAMES)) for mood in moods]
    groups = [[n for n, mood in zip("ABCD", moods, strict=True) if (mood == right) is want] for want in (True, False)]
    return {
        "id": f"{labeler}-{number}", "prompt": prompt, "responses": texts, "groups": groups,
        "labeler": {"id": labeler, "group": group},
    }  # fmt: skip


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A project after the three commands."""
    folder = tmp_path_factory.mktemp("stories")
    place = folder / "project"
    assert preceptor("init", place).code == 0
    sampling = {"max_tokens": 48}
    write_recipe(place, {
        "base_model": str(shared_data / "stories260k" / "hf"), "num_threads": 1,
        "prompts": {"num_sft": 60, "num_reward": 20, "num_rl": 60, "num_test": 8, "num_documents": 0},
        "labels": {"min_demonstrations": 20, "min_rankings": 20},
        "candidates": sampling, "evaluation": {"sampling": sampling, "num_curve_prompts": 8},
        "sft": {"num_epochs": 3, "batch_size": 8, "max_tokens": 256, "optim": {"learning_rate": 3e-3},
                "precision": "float32"},
        "reward_model": {"num_epochs": 2, "batch_size": 4, "max_tokens": 256,
                         "optim": {"learning_rate": 1e-3}, "precision": "float32"},
        "rl": {"ppo": {
            "algorithm": {"minibatch_size": 16, "missing_end_score": -2.0}, "num_steps": 8, "batch_size": 64,
            "sampling": sampling, "kl": {"coef": 0.02}, "eval_every": 8, "ema_decay": 0.5,
            "precision": "float32",
            "optim": {"learning_rate": 1e-3, "schedule": "constant"},
            "value_optim": {"learning_rate": 1e-3, "schedule": "constant"},
        }},
    })  # fmt: skip
    numbers = {"train": range(60), "valid": range(60, 72), "test": range(150, 160)}
    prompts = [asked(number, split) for split, some in numbers.items() for number in some]
    prompts += [asked(number, "train") for number in range(72, 150)]
    demonstrations = [{"prompt": row, "response": told(row)} for row in prompts[:72]]
    rankings = [ranking(number, "anna", "training") for number in range(120)]
    rankings += [ranking(number, "bert", "held_out") for number in range(120, 160)]
    for name, rows in (("prompts", prompts), ("demonstrations", demonstrations), ("rankings", rankings)):
        outcome = preceptor("import", write_rows(folder / f"{name}.jsonl", rows), "--project", place)
        assert outcome.code == 0, outcome.said
    for command in ("sft", "reward", "rl"):
        outcome = preceptor(command, "--project", place)
        assert outcome.code == 0, outcome.said
    return place


def model(project: Path, stage: str) -> Path:
    return (project / "latest" / stage / "model").resolve()


def test_it_learns_to_answer(project: Path, shared_data: Path) -> None:
    valid = read_artifact(project / "artifacts" / "demonstrations-valid", Demonstration).rows
    losses = {}
    for name, path in (("base", shared_data / "stories260k" / "hf"), ("sft", model(project, "sft"))):
        policy = load_policy(path).to("cpu")
        examples, dropped = encode(valid, policy.chat, 256)
        assert not dropped
        losses[name] = mean_nll(policy, examples, 256, "float32")
    assert losses["sft"] < 0.5 * losses["base"]


def test_the_reward_model_passes_the_gate_and_ppo_raises_the_score(project: Path) -> None:
    rows = read_metrics(project / "latest" / "ppo" / "run")
    scores = [row["rollout/score"] for row in rows]
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.5
    assert rows[-1]["kl/reference"] > 0.1
    lineage = json.loads((model(project, "ppo") / "lineage.json").read_text())
    assert lineage["forced"] is None


def test_the_policies_load_in_plain_transformers(project: Path) -> None:
    for stage in ("sft", "ppo"):
        path = model(project, stage)
        plain, tokenizer = AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)
        ours = load_policy(path).to("cpu")
        prompt = tokenizer.apply_chat_template([ASKED.model_dump()], add_generation_prompt=True, tokenize=True)
        tokens = list(prompt["input_ids"])
        assert tokens == ours.chat.prompt([ASKED])
        with torch.no_grad():
            theirs = plain(torch.tensor([tokens])).logits
            torch.testing.assert_close(theirs, ours.model(torch.tensor([tokens])).logits, rtol=0, atol=1e-4)
            written = plain.generate(torch.tensor([tokens]), do_sample=False, max_new_tokens=48)[0, len(tokens) :]
        assert "Once upon a time" in tokenizer.decode(written)
        assert int(written[-1]) == ours.chat.end_id, "it has learned to stop"


def test_the_reward_model_loads_in_plain_transformers(project: Path) -> None:
    path = model(project, "reward_model")
    plain, tokenizer = AutoModelForSequenceClassification.from_pretrained(path), AutoTokenizer.from_pretrained(path)
    assert plain.config.num_labels == 1
    ours = load_reward_model(path).to("cpu")
    texts = [story("happy", "cat", "Tim"), story("sad", "cat", "Tim")]
    found = []
    for text in texts:
        turns = [ASKED.model_dump(), {"role": "assistant", "content": text}]
        tokens = list(tokenizer.apply_chat_template(turns, tokenize=True)["input_ids"])
        end = len(tokens) - tokens[::-1].index(ours.chat.end_id)
        with torch.no_grad():
            found.append(float(plain(torch.tensor([tokens[:end]])).logits) + plain.config.reward_bias)
    expected = score_responses(ours, [([ASKED], text) for text in texts], precision="float32")
    assert found == pytest.approx(expected, abs=1e-4)
    assert found[0] > found[1]
