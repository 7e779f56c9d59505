"""Each check of the first rollout passes when all is well, and names the cause of the fault that it is there for."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from preceptor.text.batches import Rollout
from preceptor.training.health import Finding, first_rollout_findings
from tests.training.algorithms.tabular import END_TOKEN, PAD, VOCABULARY, TabularPolicy, normal, rollout_of

POLICY = TabularPolicy(normal(0, VOCABULARY, VOCABULARY))
OTHER = TabularPolicy(normal(0, VOCABULARY, VOCABULARY) + 0.3 * normal(5, VOCABULARY, VOCABULARY))


def sampled(sampler: TabularPolicy, *, temperature: float = 1.0, top_k: int = VOCABULARY, num: int = 400) -> Rollout:
    """Responses of up to six tokens, drawn token by token; old_logprobs are those of the distribution drawn from."""
    generator = torch.Generator().manual_seed(0)
    logits = sampler.logits.detach() / temperature
    table = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -math.inf).log_softmax(dim=-1)
    responses, logprobs = [], []
    for _ in range(num):
        token, tokens, row = 0, [], []
        while len(tokens) < 6 and (not tokens or token != END_TOKEN):
            following = int(torch.multinomial(table[token].exp(), 1, generator=generator))
            row.append(float(table[token, following]))
            tokens.append(token := following)
        responses.append(tokens)
        logprobs.append(row + [0.0] * (6 - len(row)))
    rollout = rollout_of(responses)
    return replace(
        rollout,
        old_logprobs_BT=torch.tensor(logprobs, dtype=torch.float64)[:, : rollout.num_response],
        scores_B=normal(3, num),
    )


@torch.no_grad()
def priced(policy: TabularPolicy, rollout: Rollout, temperature: float = 1.0) -> Tensor:
    return policy.logprobs(rollout, temperature)[0]


@torch.no_grad()
def entropies(policy: TabularPolicy, rollout: Rollout) -> Tensor:
    return policy.logprobs(rollout, 1.0)[1]


def with_reference(rollout: Rollout, reference: TabularPolicy = POLICY) -> Rollout:
    return replace(rollout, ref_logprobs_BT=priced(reference, rollout))


def failed(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.explanation for finding in findings if not finding.ok}


def test_a_sound_first_rollout_passes_everything() -> None:
    rollout = with_reference(sampled(POLICY))
    findings = first_rollout_findings(
        rollout,
        priced(POLICY, rollout),
        entropy_BT=entropies(POLICY, rollout),
        sampler_tolerance=1e-4,
        calibration_score=0.0,
    )
    assert failed(findings) == {}
    assert len(findings) == 8
    assert all(json.loads(json.dumps(finding.as_json()))["ok"] for finding in findings)


def test_top_k_is_named() -> None:
    rollout = with_reference(sampled(POLICY, top_k=3))
    found = failed(first_rollout_findings(rollout, priced(POLICY, rollout)))
    assert "top_k" in found["sampler agrees with the policy"]


@pytest.mark.parametrize(
    ("top_k", "temperature", "cause"),
    [(3, 1.0, "top_k"), (VOCABULARY, 0.5, "lower temp"), (VOCABULARY, 2.0, "higher temp")],
)
def test_a_sampler_that_hides_what_it_does_is_found(top_k: int, temperature: float, cause: str) -> None:
    # it reports log-probabilities of the whole softmax, so that nothing else can tell
    rollout = sampled(POLICY, top_k=top_k, temperature=temperature)
    rollout = with_reference(replace(rollout, old_logprobs_BT=priced(POLICY, rollout)))
    findings = first_rollout_findings(rollout, priced(POLICY, rollout), entropy_BT=entropies(POLICY, rollout))
    assert list(failed(findings)) == ["samples are typical of the policy"]
    assert cause in failed(findings)["samples are typical of the policy"]


def test_few_samples_show_nothing() -> None:
    rollout = sampled(POLICY, top_k=1, num=15)
    rollout = with_reference(replace(rollout, old_logprobs_BT=priced(POLICY, rollout)))
    findings = first_rollout_findings(rollout, priced(POLICY, rollout), entropy_BT=entropies(POLICY, rollout))
    assert failed(findings) == {}


def test_negative_kl_is_named() -> None:
    # the tokens come from the top 3, the log-probabilities from the whole softmax, of a policy that has moved
    rollout = sampled(POLICY, top_k=3)
    rollout = with_reference(replace(rollout, old_logprobs_BT=priced(OTHER, rollout)))
    found = failed(first_rollout_findings(rollout, priced(OTHER, rollout)))
    assert found["KL is not negative"].startswith("KL is negative")
    assert "top_k" in found["KL is not negative"]


def test_another_temperature_is_named() -> None:
    rollout = with_reference(sampled(POLICY, temperature=2.0))
    found = failed(first_rollout_findings(rollout, priced(POLICY, rollout)))
    assert "temperature" in found["sampler agrees with the policy"]
    assert "temperature" in found["the first ratio is 1"]


def test_a_wrong_reference_is_named() -> None:
    rollout = with_reference(sampled(POLICY), OTHER)
    found = failed(first_rollout_findings(rollout, priced(POLICY, rollout)))
    assert list(found) == ["policy starts as the reference"]
    assert "another model" in found["policy starts as the reference"]


def test_a_shifted_mask_is_found() -> None:
    rollout = with_reference(sampled(POLICY))
    shifted = replace(rollout, old_logprobs_BT=rollout.old_logprobs_BT.roll(1, dims=1))
    found = failed(first_rollout_findings(shifted, priced(POLICY, rollout)))
    assert {"sampler agrees with the policy", "the first ratio is 1"} <= set(found)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("column", ["old_logprobs_BT", "ref_logprobs_BT", "scores_B"])
def test_a_number_that_is_none_stops_the_rest(column: str, value: float) -> None:
    rollout = with_reference(sampled(POLICY, num=20))
    damaged = getattr(rollout, column).clone()
    damaged.view(-1)[0] = value
    findings = first_rollout_findings(replace(rollout, **{column: damaged}), priced(POLICY, rollout))
    assert list(failed(findings)) == ["finite numbers"]


def test_padding_may_hold_anything() -> None:
    rollout = with_reference(sampled(POLICY))
    pads = ~rollout.response_mask_BT
    assert pads.any()
    assert (rollout.response_tokens_BT[pads] == PAD).all()
    dirty = replace(
        rollout,
        old_logprobs_BT=rollout.old_logprobs_BT.masked_fill(pads, math.nan),
        ref_logprobs_BT=rollout.ref_logprobs_BT.masked_fill(pads, -math.inf),
    )
    recomputed = priced(POLICY, rollout).masked_fill(pads, math.inf)
    assert failed(first_rollout_findings(dirty, recomputed)) == {}


@pytest.mark.parametrize(
    "row", [[False] * 6, [False, True, True, True, True, True], [True, False, True, True, True, True]]
)
def test_gaps_and_empty_responses_are_found(row: list[bool]) -> None:
    rollout = with_reference(sampled(POLICY, num=20))
    mask = rollout.response_mask_BT.clone()
    mask[0] = torch.tensor(row)
    findings = first_rollout_findings(replace(rollout, response_mask_BT=mask), priced(POLICY, rollout))
    assert "1 of 20" in failed(findings)["response masks"]


def test_scores_off_their_calibration_are_found() -> None:
    rollout = with_reference(sampled(POLICY))
    findings = first_rollout_findings(rollout, priced(POLICY, rollout), calibration_score=2.0)
    assert list(failed(findings)) == ["scores are calibrated"]
    assert "bias was lost" in failed(findings)["scores are calibrated"]
