"""The sampler: exact probabilities, independence of rows, and log-probabilities that the trainer can trust."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from transformers import DynamicCache

from preceptor.errors import UserError
from preceptor.generation.base import Sampled
from preceptor.generation.cache import new_cache
from preceptor.generation.native import generate
from preceptor.models.policy import Policy
from preceptor.records import Sampling
from preceptor.text.batches import rollout_from
from tests.models.test_policy import UNUSUAL, build, rows
from tests.tiny import ARCHITECTURES

PLAIN = Sampling(max_tokens=20)


@pytest.fixture(params=ARCHITECTURES + UNUSUAL, scope="module")
def policy(request: pytest.FixtureRequest) -> Policy:
    return build(request.param)


@pytest.fixture(scope="module")
def llama() -> Policy:
    return build("llama")


def prompts(num: int = 10) -> list[list[int]]:
    return [prompt for prompt, _ in rows(num)]


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_sampler_s_logprobs_equal_the_trainer_s(policy: Policy, temperature: float) -> None:
    sampling = Sampling(max_tokens=20, temperature=temperature)
    sampled = generate(policy, prompts(), sampling, list(range(10)), batch_size=4)
    rollout = rollout_from([""] * 10, prompts(), sampled, pad_id=policy.chat.pad_id)
    with torch.no_grad():
        new_logprobs_BT, _ = policy.logprobs(rollout, temperature)
    assert torch.allclose(rollout.old_logprobs_BT, new_logprobs_BT, atol=1e-4)
    wrong_BT, _ = policy.logprobs(rollout, temperature + 0.1)  # negative control: another temperature is noticed
    assert not torch.allclose(rollout.old_logprobs_BT, wrong_BT, atol=1e-2)


def test_a_row_s_text_depends_on_its_seed_alone(policy: Policy) -> None:
    seeds = [100 + i for i in range(10)]
    together = generate(policy, prompts(), PLAIN, seeds, batch_size=10)
    for batch_size in (1, 3):
        assert [one.tokens for one in generate(policy, prompts(), PLAIN, seeds, batch_size)] == [
            one.tokens for one in together
        ]
    order = [3, 9, 0]
    some = generate(policy, [prompts()[i] for i in order], PLAIN, [seeds[i] for i in order], batch_size=2)
    assert [one.tokens for one in some] == [together[i].tokens for i in order]
    other = generate(policy, prompts(), PLAIN, [seed + 1 for seed in seeds], batch_size=10)
    assert all(one.tokens != two.tokens for one, two in zip(together, other, strict=True))


def test_greedy_equals_transformers_generate(policy: Policy) -> None:
    greedy = generate(policy, prompts(4), Sampling(max_tokens=12, temperature=0), [0] * 4, batch_size=4)
    for prompt, one in zip(prompts(4), greedy, strict=True):
        tokens = torch.tensor([prompt])
        expected = policy.model.generate(
            tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=12, do_sample=False,
            eos_token_id=policy.chat.end_id, pad_token_id=policy.chat.pad_id,
        )  # fmt: skip
        assert list(one.tokens) == expected[0, len(prompt) :].tolist()


@contextmanager
def ending_with(policy: Policy, end_id: int) -> Iterator[None]:
    """Another token ends responses; −1 is none."""
    original, policy.chat.end_id = policy.chat.end_id, end_id
    try:
        yield
    finally:
        policy.chat.end_id = original


@pytest.fixture(scope="module")
def endless(llama: Policy) -> list[Sampled]:
    with ending_with(llama, -1):
        return generate(llama, prompts(), PLAIN, list(range(10)), batch_size=10)


def test_without_an_end_all_are_cut(endless: list[Sampled]) -> None:
    assert not any(one.finished for one in endless)
    assert {len(one.tokens) for one in endless} == {len(one.logprobs) for one in endless} == {20}


@pytest.mark.parametrize(("row", "place"), [(0, 7), (3, 0), (5, 19), (8, 12)])
def test_stops_at_the_end_token_and_says_so(llama: Policy, endless: list[Sampled], row: int, place: int) -> None:
    end = endless[row].tokens[place]
    told: list[int] = []
    with ending_with(llama, end):
        stopped = generate(llama, prompts(), PLAIN, list(range(10)), batch_size=4, progress=told.append)
    assert sum(told) == 10
    assert stopped[row].finished
    for one, whole in zip(stopped, endless, strict=True):
        length = whole.tokens.index(end) + 1 if end in whole.tokens else 20
        assert one.tokens == whole.tokens[:length]
        assert one.logprobs == pytest.approx(whole.logprobs[:length], abs=1e-5)
        assert one.finished is (end in whole.tokens)


def test_rows_leave_and_the_rest_go_on_undisturbed(policy: Policy) -> None:
    """Eight copies of each prompt end one after the other, so the cache is cut again and again."""
    many, seeds = prompts(3) * 8, list(range(24))
    with ending_with(policy, -1):
        whole = generate(policy, many, PLAIN, seeds, batch_size=24)
    for end in sorted({token for one in whole for token in one.tokens[3:6]})[::5]:
        with ending_with(policy, end):
            cut = generate(policy, many, PLAIN, seeds, batch_size=24)
        for one, two in zip(cut, whole, strict=True):
            assert one.tokens == two.tokens[: len(one.tokens)]
            assert (one.tokens[-1] == end) is one.finished


def test_bfloat16_stays_near_fp32(llama: Policy) -> None:
    sampled = generate(llama, prompts(), PLAIN, list(range(10)), batch_size=10, precision="bfloat16")
    rollout = rollout_from([""] * 10, prompts(), sampled, pad_id=llama.chat.pad_id)
    with torch.no_grad():
        exact_BT, _ = llama.logprobs(rollout, 1.0)
    error = (rollout.old_logprobs_BT - exact_BT).abs()[rollout.response_mask_BT]
    assert 0 < error.mean() < 5e-2


def test_sampling_changes_nothing_in_the_policy(llama: Policy) -> None:
    before = {name: p.clone() for name, p in llama.state_dict().items()}
    llama.train()
    generate(llama, prompts(2), PLAIN, [0, 1], batch_size=2)
    assert llama.training
    llama.eval()
    assert all(torch.equal(p, before[name]) for name, p in llama.state_dict().items())
    assert all(p.requires_grad and not p.is_inference() for p in llama.parameters())


def test_the_sampler_sees_new_weights() -> None:
    policy = build("llama")
    before = generate(policy, prompts(), PLAIN, list(range(10)), batch_size=10)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.1)
    assert generate(policy, prompts(), PLAIN, list(range(10)), batch_size=10) != before


def test_a_prompt_longer_than_the_context(llama: Policy) -> None:
    limit = llama.max_context
    assert limit == 128
    generate(llama, [[5] * (limit - 2)], Sampling(max_tokens=2), [0], batch_size=1)
    with pytest.raises(UserError, match=r"prompt 1 has 127 tokens"):
        generate(llama, [[5], [5] * (limit - 1)], Sampling(max_tokens=2), [0, 0], batch_size=2)


def test_the_cache_holds_what_transformers_own_does(policy: Policy) -> None:
    tokens_BL = torch.tensor([prompts(1)[0] * 2])
    ours, theirs = new_cache(policy.model, 60, None), DynamicCache(config=policy.model.config)
    with torch.no_grad():
        for start, end in ((0, 3), (3, 4), (4, 7)):
            logits = [
                policy.model(tokens_BL[:, start:end], past_key_values=cache, use_cache=True).logits
                for cache in (ours, theirs)
            ]
            assert torch.equal(*logits)
    for one, two in zip(ours.layers, theirs.layers, strict=True):
        assert torch.equal(one.keys, two.keys)
        assert torch.equal(one.values, two.values)


def test_limits_of_single_responses(llama: Policy, endless: list[Sampled]) -> None:
    limits = [1, 20, 3, 7, 20, 2, 20, 5, 9, 1]
    with ending_with(llama, -1):
        sampled = generate(llama, prompts(), PLAIN, list(range(10)), batch_size=3, max_tokens=limits)
    for one, whole, limit in zip(sampled, endless, limits, strict=True):
        assert one.tokens == whole.tokens[:limit]
        assert not one.finished
    for wrong in ([0] * 10, [21] * 10, [5] * 9):
        with pytest.raises(ValueError, match="limit"):
            generate(llama, prompts(), PLAIN, list(range(10)), batch_size=3, max_tokens=wrong)


def test_a_response_ends_at_the_token_that_completes_a_stop_string(llama: Policy, endless: list[Sampled]) -> None:
    """A stop string that spans two tokens, another that stands inside of one, and one that never comes."""
    chat = llama.chat
    pairs = [[chat.text_of([token]) for token in one.tokens[i : i + 2]] for one in endless for i in range(8, 15)]
    left, right = next(pair for pair in pairs if len(pair[0]) > 1 and pair[1] and "\ufffd" not in "".join(pair))
    spanning, inside = left[-1] + right[0], left[:1]
    for stop in ((spanning,), (spanning, inside), ("nobody says this",)):
        sampling = PLAIN.model_copy(update={"stop": stop})
        with ending_with(llama, -1):
            stopped = generate(llama, prompts(), sampling, list(range(10)), batch_size=4)
            for one, whole in zip(stopped, endless, strict=True):
                texts = [chat.text_of(whole.tokens[: i + 1]) for i in range(20)]
                length = next((i + 1 for i, text in enumerate(texts) if any(s in text for s in stop)), 20)
                assert one.tokens == whole.tokens[:length]
                assert one.finished is any(s in texts[length - 1] for s in stop)
                assert not any(s in sampling.shown(texts[length - 1]) for s in stop)
        assert any(one.finished for one in stopped) is (stop != ("nobody says this",))


def test_what_is_shown_ends_before_the_first_stop_string() -> None:
    sampling = Sampling(stop=("\n\n", "User:"))
    assert sampling.shown("Fine. User: and\n\nmore") == "Fine. "
    assert sampling.shown("Fine.\n\nUser:") == "Fine."
    assert sampling.shown("Fine.\n") == "Fine.\n"
    assert Sampling().shown("User:") == "User:"
