"""Any causal LM in, the same format out: transformers' own classes are the judge."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from preceptor.models.load import load_policy, load_reward_model, new_reward_model, set_dropout
from preceptor.models.policy import Policy
from preceptor.models.save import save_policy, save_reward_model
from preceptor.records import Message
from preceptor.text.batches import pack, pad_right
from tests.tiny import ARCHITECTURES, byte_tokenizer, config_of, prepending_tokenizer, write_model

LINEAGE = {"name": "tiny", "kind": "sft", "parents": ["abc"], "seed": 0, "version": "0"}
TALK = [Message(role="user", content="What is a moon?"), Message(role="assistant", content="A moon goes around.")]


@pytest.fixture(params=ARCHITECTURES, scope="module")
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


def plain_model(path: Path) -> Any:
    """transformers' own, with the attention we use on CPU: then equal means equal to the last bit."""
    return AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager").eval()


def train_step(policy: Policy) -> None:
    batch = pack([policy.chat.conversation(TALK)], max_tokens=100)
    optimizer = torch.optim.SGD(policy.parameters(), lr=0.1)
    total, count = policy.nll(batch)
    (total / count).backward()
    optimizer.step()


def test_policy_load_train_save_load(directory: Path, tmp_path: Path) -> None:
    policy = load_policy(directory)
    tokens_BL = torch.tensor([policy.chat.prompt(TALK[:1])])
    plain = plain_model(directory)
    with torch.no_grad():
        assert torch.equal(policy.model(tokens_BL).logits, plain(tokens_BL).logits)
    before = {name: p.detach().clone() for name, p in policy.model.named_parameters()}
    train_step(policy)
    unchanged = [name for name, p in policy.model.named_parameters() if torch.equal(before[name], p)]
    assert unchanged == []
    save_policy(policy, tmp_path / "out", LINEAGE)
    again, ours = plain_model(tmp_path / "out"), load_policy(tmp_path / "out")
    with torch.no_grad():
        expected = policy.model(tokens_BL).logits
        assert torch.equal(again(tokens_BL).logits, expected)
        assert torch.equal(ours.model(tokens_BL).logits, expected)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    turns = [message.model_dump() for message in TALK[:1]]
    rendered = tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"]
    assert rendered == tokens_BL[0].tolist()
    assert ours.chat.fingerprint == policy.chat.fingerprint
    assert again.config.model_type == plain.config.model_type
    assert again.generation_config.eos_token_id == policy.chat.end_id
    assert {"lineage.json", "README.md"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_saving_twice_gives_the_same_bytes(directory: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_policy(load_policy(directory), tmp_path / name / "model", LINEAGE)
    for path in (tmp_path / "a" / "model").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "model" / path.name).read_bytes(), path.name


def test_reward_model_scores_as_transformers_does(directory: Path, tmp_path: Path) -> None:
    reward_model = new_reward_model(directory, torch.Generator().manual_seed(3))
    assert reward_model.bias == 0.0
    body, policy_body = reward_model.model.base_model, load_policy(directory).model.base_model
    for (name, ours), theirs in zip(body.named_parameters(), policy_body.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    reward_model.bias = -1.25
    chat = reward_model.chat
    rows = [chat.prompt(TALK[:1]) + chat.response(text) for text in ("A moon.", "A moon goes around a planet.", "No.")]
    tokens_BL, mask_BL = pad_right(rows, chat.pad_id)
    scores_B = reward_model.scores(tokens_BL, mask_BL).detach()
    save_reward_model(reward_model, tmp_path / "rm", LINEAGE | {"kind": "reward_model"})
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "rm").eval()
    with torch.no_grad():
        logits_B = theirs(input_ids=tokens_BL, attention_mask=mask_BL.long()).logits[:, 0]
    assert theirs.config.reward_bias == -1.25
    assert torch.allclose(logits_B + theirs.config.reward_bias, scores_B, atol=1e-5)
    again = load_reward_model(tmp_path / "rm")
    assert again.bias == -1.25
    assert torch.equal(again.scores(tokens_BL, mask_BL), scores_B)
    assert scores_B.std() > 1e-3


def test_real_pretrained_model(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "stories260k" / "hf"
    policy, plain = load_policy(source), plain_model(source)
    tokens_BL = torch.tensor([policy.chat.tokenizer.encode("Once upon a time there was a little girl")])
    with torch.no_grad():
        assert torch.equal(policy.model(tokens_BL).logits[..., :512], plain(tokens_BL).logits)
    assert policy.model.get_input_embeddings().num_embeddings == 513  # its tokenizer had no pad token
    save_policy(policy, tmp_path / "out", LINEAGE)
    again = plain_model(tmp_path / "out")
    with torch.no_grad():
        assert torch.equal(again(tokens_BL).logits, policy.model(tokens_BL).logits)
    assert load_policy(tmp_path / "out").chat.notes == ()  # what was supplied is now there


def test_a_generation_config_that_transformers_would_not_write(tmp_path: Path) -> None:
    path = write_model(tmp_path / "model")
    (path / "generation_config.json").write_text('{"temperature": 0.7, "top_p": 0.9}')
    policy = load_policy(path)
    save_policy(policy, tmp_path / "out", LINEAGE)
    assert plain_model(tmp_path / "out").generation_config.eos_token_id == policy.chat.end_id


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "gpt_neox"])
def test_embeddings_grow_by_one_only_when_needed(architecture: str, tmp_path: Path) -> None:
    tokenizer = byte_tokenizer(pad_token=None)
    room, tight = config_of(architecture), config_of(architecture)
    room.vocab_size, tight.vocab_size = len(tokenizer) + 30, len(tokenizer)
    for name, config, expected in (("room", room, len(tokenizer) + 30), ("tight", tight, len(tokenizer))):
        policy = load_policy(write_model(tmp_path / name, architecture, tokenizer, config))
        assert policy.chat.pad_id != policy.chat.end_id
        assert policy.model.get_input_embeddings().num_embeddings == expected
        assert policy.model.config.pad_token_id == policy.chat.pad_id
    new = prepending_tokenizer()
    tight.vocab_size = len(new)
    grown = load_policy(write_model(tmp_path / "grown", architecture, new, tight))
    table = grown.model.get_input_embeddings().weight
    assert table.shape[0] == len(new) + 1 == grown.model.get_output_embeddings().out_features
    assert torch.allclose(table[-1], table[:-1].mean(0))


def test_dropout_is_off_and_only_residual_dropout_comes_back(directory: Path) -> None:
    policy = load_policy(directory).train()
    tokens_BL = torch.tensor([policy.chat.prompt(TALK[:1])])

    def differs() -> bool:
        return not torch.equal(policy.model(tokens_BL).logits, policy.model(tokens_BL).logits)

    assert not differs()
    count = set_dropout(policy.model, 0.2)
    has_residual = policy.model.config.model_type in ("gpt2", "gpt_neox")
    assert (count > 0) is has_residual
    assert differs() is has_residual
    set_dropout(policy.model, 0.0)
    assert not differs()


def test_only_what_is_declared_trains(directory: Path) -> None:
    policy = load_policy(directory)
    frozen = {name for name, p in policy.named_parameters() if ".0." in name}
    for name, parameter in policy.named_parameters():
        parameter.requires_grad_(name not in frozen)
    before = {name: p.detach().clone() for name, p in policy.named_parameters()}
    batch = pack([policy.chat.conversation(TALK)], max_tokens=100)
    total, _ = policy.nll(batch)
    total.backward()
    torch.optim.SGD([p for p in policy.parameters() if p.requires_grad], lr=0.1).step()
    assert {name for name, p in policy.named_parameters() if torch.equal(before[name], p)} == frozen != set()
