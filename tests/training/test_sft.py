"""SFT: what is learned, what is dropped, which weights are kept."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from preceptor.errors import UserError
from preceptor.models.policy import Policy
from preceptor.records import Demonstration, Message
from preceptor.runs.run import Run
from preceptor.text.batches import pack
from preceptor.training.optim import OptimConfig
from preceptor.training.sft import SFTConfig, encode, encode_documents, mean_nll, train_sft
from tests.planted import demonstrations, documents, load

NewRun = Callable[..., Run]
TRAIN, VALID = demonstrations(24), demonstrations(8, "valid", first=400)


def config(**settings: Any) -> SFTConfig:
    optim = OptimConfig(learning_rate=settings.pop("learning_rate", 3e-3))
    values = {"num_epochs": 3, "batch_size": 8, "max_tokens": 64, "precision": "float32", "optim": optim} | settings
    return SFTConfig(**values)


def column(run: Run, name: str) -> list[float]:
    return [row[name] for row in run.metrics() if name in row]


def test_it_learns_what_is_demonstrated(policy: Policy, new_run: NewRun) -> None:
    settings = config(num_epochs=8, learning_rate=1e-2)
    run = new_run(settings)
    facts = train_sft(settings, run, policy, TRAIN, VALID)
    losses = column(run, "sft/valid_loss")
    assert losses[-1] < 0.7 * losses[0]
    assert facts["num_steps"] == 24
    assert facts["chosen_value"] == -min(losses)
    examples, _ = encode(VALID, policy.chat, 64)
    assert mean_nll(policy, examples, 64, "float32") == pytest.approx(min(losses), abs=1e-6)


def test_at_a_tiny_rate_it_learns_nothing(policy: Policy, new_run: NewRun) -> None:
    settings = config(num_epochs=8, learning_rate=1e-9)
    run = new_run(settings)
    train_sft(settings, run, policy, TRAIN, VALID)
    losses = column(run, "sft/valid_loss")
    assert losses[-1] == pytest.approx(losses[0], abs=1e-4)


def test_the_loss_is_that_of_the_responses_and_their_end_tokens(policy: Policy, new_run: NewRun) -> None:
    rows, total, count = TRAIN[:4], 0.0, 0
    for row in rows:  # without packing, masks or batches
        asked, said = policy.chat.prompt(row.prompt.messages), policy.chat.response(row.response)
        assert said[-1] == policy.chat.end_id
        with torch.no_grad():
            logits = policy.model(torch.tensor([asked + said])).logits[0].log_softmax(dim=-1)
        predicted = logits[len(asked) - 1 : -1].gather(-1, torch.tensor(said)[:, None])
        total, count = total - float(predicted.sum()), count + len(said)
    run = new_run(config(num_epochs=1))
    train_sft(config(num_epochs=1), run, policy, rows, VALID)
    assert column(run, "sft/loss") == [pytest.approx(total / count, abs=1e-5)]


def test_all_turns_of_the_assistant_are_learned_and_nothing_else(policy: Policy) -> None:
    first, chat = TRAIN[0], policy.chat
    turns = (*first.prompt.messages, Message(role="assistant", content="no"), Message(role="user", content="again"))
    row = first.model_copy(update={"prompt": first.prompt.model_copy(update={"messages": turns})})
    [(tokens, learned)], _ = encode([row], chat, 64)
    supervised = [token for token, is_learned in zip(tokens, learned, strict=True) if is_learned]
    assert supervised == chat.response("no") + chat.response(first.response)


def test_packing_changes_nothing(policy: Policy) -> None:
    examples, _ = encode(TRAIN[:5], policy.chat, 64)
    with torch.no_grad():
        together = policy.nll(pack(examples, max_tokens=64))
        apart = [policy.nll(pack([one], max_tokens=64)) for one in examples]
    assert float(together[0]) == pytest.approx(sum(float(one[0]) for one in apart), abs=1e-4)
    assert int(together[1]) == sum(int(one[1]) for one in apart)


def long_row(number: int, num_words: int) -> Demonstration:
    return TRAIN[0].model_copy(update={"id": f"long-{number}", "response": " ".join(["dear"] * num_words)})


def test_what_is_too_long_is_dropped_and_counted(policy: Policy, new_run: NewRun) -> None:
    limit = max(len(tokens) for tokens, _ in encode([*TRAIN, *VALID], policy.chat, 64)[0])
    rows = [*TRAIN, long_row(1, 30), long_row(2, 60), long_row(3, 300)]
    facts = train_sft(config(num_epochs=1, max_tokens=limit), new_run({}), policy, rows, [*VALID, long_row(4, 60)])
    assert facts["dropped"]["train"]["conversation longer than max_tokens"] == 3
    assert facts["dropped"]["valid"]["conversation longer than max_tokens"] == 1
    assert facts["num_steps"] == 3


def test_what_the_model_has_no_positions_for_is_dropped_and_counted(policy: Policy, new_run: NewRun) -> None:
    assert policy.max_context == 64
    facts = train_sft(
        config(num_epochs=1, max_tokens=2000), new_run({}), policy, [*TRAIN, long_row(1, 60), long_row(2, 300)], VALID
    )
    assert facts["dropped"] == {"train": {"conversation longer than the model's context": 2}, "valid": {}}


def test_when_nothing_is_left_it_says_how_much_was_dropped(policy: Policy, new_run: NewRun) -> None:
    with pytest.raises(UserError, match=r"train on \(24 given, 24 dropped: conversation longer than max_tokens\)"):
        train_sft(config(max_tokens=8), new_run({}), policy, TRAIN, VALID)
    with pytest.raises(UserError, match=r"validate with \(0 given\)"):
        train_sft(config(), new_run({}), policy, TRAIN, [])


def test_the_epoch_of_the_lowest_validation_loss_is_kept(policy: Policy, new_run: NewRun) -> None:
    # A rate this high unlearns: the validation loss is not lowest at the end.
    settings = config(num_epochs=6, learning_rate=0.1)
    run = new_run(settings)
    facts = train_sft(settings, run, policy, TRAIN, VALID)
    losses = column(run, "sft/valid_loss")
    chosen = losses.index(min(losses))
    assert chosen < len(losses) - 1, "the last epoch was the best: the test shows nothing"
    assert facts["chosen_step"] == 3 * (chosen + 1)
    assert facts["chosen_by"] == "validation loss"
    examples, _ = encode(VALID, policy.chat, 64)
    assert mean_nll(policy, examples, 64, "float32") == pytest.approx(min(losses), abs=1e-6)


def test_the_epoch_of_the_highest_score_is_kept_when_there_is_a_judge(policy: Policy, new_run: NewRun) -> None:
    scores = iter([0.1, 0.9, 0.3])
    snapshots: list[torch.Tensor] = []

    def score(present: Policy) -> float:
        snapshots.append(present.model.get_input_embeddings().weight.detach().clone())
        return next(scores)

    run = new_run(config())
    facts = train_sft(config(), run, policy, TRAIN, VALID, score=score)
    assert (facts["chosen_step"], facts["chosen_value"], facts["chosen_by"]) == (6, 0.9, "reward-model score")
    assert torch.equal(policy.model.get_input_embeddings().weight, snapshots[1])
    assert not torch.equal(snapshots[1], snapshots[2])
    assert column(run, "sft/valid_score") == [0.1, 0.9, 0.3]


def test_pretraining_text_takes_its_share_of_each_batch(
    policy: Policy, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, real = [], pack

    def spy(rows: Any, **settings: Any) -> Any:
        sizes.append(len(rows))
        return real(rows, **settings)

    monkeypatch.setattr("preceptor.training.sft.pack", spy)
    texts = documents(10)
    train_sft(config(num_epochs=1, pretraining_share=0.2), new_run({}), policy, TRAIN, VALID, pretraining=texts)
    assert sizes[:3] == [10, 10, 10]  # 8 demonstrations and 2 texts: 2 / 10 = 0.2


def test_documents_are_cut_into_pieces_that_lose_no_token(policy: Policy) -> None:
    texts = documents(5)
    pieces = encode_documents(texts, policy.chat, 8)
    expected = [token for text in texts for token in policy.chat.document(text.text)]
    found = [token for tokens, _ in pieces for token in tokens]
    lost = sum(len(policy.chat.document(text.text)) % 8 == 1 for text in texts)
    assert len(expected) - len(found) == lost
    assert all(len(tokens) <= 8 and all(learned) for tokens, learned in pieces)


def test_the_model_trains_and_only_the_model(policy: Policy, new_run: NewRun, model_path: Path) -> None:
    before = load(model_path).state_dict()
    train_sft(config(num_epochs=1), new_run({}), policy, TRAIN, VALID)
    unchanged = [name for name, weight in policy.state_dict().items() if torch.equal(weight, before[name])]
    assert unchanged == []


def test_a_loss_that_is_not_a_number_stops_the_run(policy: Policy, new_run: NewRun) -> None:
    with torch.no_grad():
        policy.model.model.norm.weight[0] = math.nan
    with pytest.raises(UserError, match="'sft/loss' is nan at step 1: the training has diverged"):
        train_sft(config(), new_run({}), policy, TRAIN, VALID)
