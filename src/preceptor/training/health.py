"""What must hold of the first rollout, before any update, and what it usually means when it does not.

Nothing has been trained yet, so the policy is the reference and the sampler is the policy. A failure here is a fault of
the set-up, which training would turn into a bad policy in silence.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from preceptor.ops.masks import masked_mean, zero_masked
from preceptor.text.batches import Rollout

MIN_RESPONSES = 16
"""Fewer responses show nothing about means."""


@dataclass(frozen=True)
class Finding:
    """One check: `value` has to be within `tolerance` of what it should be."""

    name: str
    ok: bool
    value: float
    tolerance: float
    explanation: str
    """What was found, in words, and its usual cause when it is not ok."""
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return asdict(self)


def first_rollout_findings(
    rollout: Rollout,
    new_logprobs_BT: Tensor,
    *,
    clip: float = 0.2,
    sampler_tolerance: float = 1e-2,
    exact_tolerance: float = 1e-3,
    entropy_BT: Tensor | None = None,
    calibration_score: float | None = None,
    num_errors: float = 6.0,
) -> list[Finding]:
    """All checks of a rollout with scores and reference log-probabilities, of which `new_logprobs_BT` are recomputed.

    `sampler_tolerance` bounds the mean |old − new| per token; 1e-2 leaves room for bfloat16, 1e-4 fits fp32.
    `exact_tolerance` bounds what is 0 but for rounding, in nats per token. With the policy's entropies, top_k and top_p
    are found even where the sampler reports log-probabilities of the whole softmax. `calibration_score` is the mean
    score that samples of the first policy had when the reward model was calibrated. What is None is not checked. Means
    may be off by `num_errors` standard errors; entropies are looked at from `MIN_RESPONSES` responses on.
    """
    findings = [
        finite_numbers(rollout, new_logprobs_BT),
        responses_have_tokens(rollout),
    ]
    if not all(finding.ok for finding in findings):
        return findings
    findings += [
        sampler_agrees(rollout, new_logprobs_BT, tolerance=sampler_tolerance),
        kl_is_zero(rollout, new_logprobs_BT, tolerance=exact_tolerance),
        sampled_kl_is_not_negative(rollout, tolerance=sampler_tolerance),
        nothing_is_clipped(rollout, new_logprobs_BT, clip=clip),
    ]
    if entropy_BT is not None and len(rollout) >= MIN_RESPONSES:
        findings.append(
            samples_are_typical(rollout, new_logprobs_BT, entropy_BT, tolerance=exact_tolerance, num_errors=num_errors)
        )
    if calibration_score is not None:
        findings.append(score_is_calibrated(rollout, expected=calibration_score, num_errors=num_errors))
    return findings


def finite_numbers(rollout: Rollout, new_logprobs_BT: Tensor) -> Finding:
    """Share of counted numbers that are NaN or infinite: none."""
    mask_BT = rollout.response_mask_BT
    columns = [rollout.old_logprobs_BT, rollout.ref_logprobs_BT, new_logprobs_BT]
    numbers = torch.cat([column[mask_BT].double() for column in columns] + [rollout.scores_B.double()])
    share = float((~numbers.isfinite()).double().mean())
    return Finding(
        name="finite numbers",
        ok=share == 0,
        value=share,
        tolerance=0.0,
        explanation=_either(
            share == 0,
            "all scores and log-probabilities are finite",
            f"{share:.2%} of scores and log-probabilities are NaN or infinite: a model's weights are damaged, "
            "or half precision overflows",
        ),
        remedy="check the model directories, and try precision: float32",
    )


def responses_have_tokens(rollout: Rollout) -> Finding:
    """Rows whose response mask is not one run of tokens from the first column on: none."""
    mask_BT = rollout.response_mask_BT
    gaps_B = (mask_BT[:, 1:] & ~mask_BT[:, :-1]).any(dim=1) | ~mask_BT[:, 0]
    count = int(gaps_B.sum())
    return Finding(
        name="response masks",
        ok=count == 0,
        value=float(count),
        tolerance=0.0,
        explanation=_either(
            count == 0,
            "each response is one run of tokens",
            f"{count} of {len(rollout)} responses are empty or have gaps in their mask: the end token is missing from "
            "the mask, or responses are padded on the left",
        ),
        remedy="check that the sampler keeps the end token, and that max_tokens of sampling is at least 1",
    )


def sampler_agrees(rollout: Rollout, new_logprobs_BT: Tensor, *, tolerance: float) -> Finding:
    """Mean |sampler's log-probability − recomputed| per token: 0 but for rounding."""
    mask_BT = rollout.response_mask_BT
    gap_BT = zero_masked(rollout.old_logprobs_BT - new_logprobs_BT, mask_BT).double()
    distance, signed = float(masked_mean(gap_BT.abs(), mask_BT)), float(masked_mean(gap_BT, mask_BT))
    is_one_sided = abs(signed) > 0.9 * distance
    if is_one_sided and signed > 0:
        cause = "the sampler's are higher on nearly every token: it samples with top_k, top_p or a minimum length"
    elif is_one_sided:
        cause = "the sampler's are lower on nearly every token: its temperature or its end-token rule differs"
    else:
        cause = "temperatures differ, the cache of the sampler or its positions are wrong, or its weights are stale"
    return Finding(
        name="sampler agrees with the policy",
        ok=distance <= tolerance,
        value=distance,
        tolerance=tolerance,
        explanation=_either(
            distance <= tolerance,
            "the sampler's log-probabilities are those of the policy",
            f"the sampler's log-probabilities differ from the policy's by {distance:.3g} nats per token; {cause}",
        ),
        remedy="sample from the plain distribution (top_k 0, top_p 1), at the temperature that the algorithm is told",
    )


def kl_is_zero(rollout: Rollout, new_logprobs_BT: Tensor, *, tolerance: float) -> Finding:
    """Mean |policy's log-probability − reference's| per token: 0, since they are the same model."""
    mask_BT = rollout.response_mask_BT
    gap_BT = zero_masked(new_logprobs_BT - rollout.ref_logprobs_BT, mask_BT).double()
    distance = float(masked_mean(gap_BT.abs(), mask_BT))
    return Finding(
        name="policy starts as the reference",
        ok=distance <= tolerance,
        value=distance,
        tolerance=tolerance,
        explanation=_either(
            distance <= tolerance,
            "policy and reference give the same log-probabilities",
            f"policy and reference differ by {distance:.3g} nats per token before the first update: the reference is "
            "another model, dropout is on, or an adapter is active in one of them",
        ),
        remedy="start the policy from the directory that the reference is loaded from, with dropout off",
    )


def sampled_kl_is_not_negative(rollout: Rollout, *, tolerance: float) -> Finding:
    """Mean of old − reference log-probabilities per token: an estimate of a KL, so not below 0 but for rounding."""
    gap_BT = zero_masked(rollout.old_logprobs_BT - rollout.ref_logprobs_BT, rollout.response_mask_BT).double()
    mean = float(masked_mean(gap_BT, rollout.response_mask_BT))
    return Finding(
        name="KL is not negative",
        ok=mean >= -tolerance,
        value=mean,
        tolerance=tolerance,
        explanation=_either(
            mean >= -tolerance,
            "the KL of the first rollout is not negative",
            f"KL is negative ({mean:.3g} nats per token), which no pair of distributions allows: sampling uses top_k, "
            "top_p or a minimum length, temperatures differ, or padding is counted",
        ),
        remedy="sample from the plain distribution (top_k 0, top_p 1), at the same temperature for all models",
    )


def nothing_is_clipped(rollout: Rollout, new_logprobs_BT: Tensor, *, clip: float) -> Finding:
    """Share of tokens whose ratio exp(new − old) is outside 1 ± clip: none, since the ratio is 1."""
    mask_BT = rollout.response_mask_BT
    ratio_BT = zero_masked(new_logprobs_BT - rollout.old_logprobs_BT, mask_BT).double().exp()
    share = float(masked_mean(((ratio_BT - 1).abs() > clip).double(), mask_BT))
    tolerance = 5e-3  # bfloat16 rounds the odd unlikely token that far
    return Finding(
        name="the first ratio is 1",
        ok=share <= tolerance,
        value=share,
        tolerance=tolerance,
        explanation=_either(
            share <= tolerance,
            "no ratio is clipped before the first update",
            f"{share:.2%} of ratios are outside 1 ± {clip} before the first update: temperatures differ, dropout is "
            "on, or the mask is shifted against the tokens",
        ),
        remedy="use one temperature for sampling and training, dropout off, and the same mask everywhere",
    )


def samples_are_typical(
    rollout: Rollout, new_logprobs_BT: Tensor, entropy_BT: Tensor, *, tolerance: float, num_errors: float
) -> Finding:
    """|mean over responses of Σ_t (−log π − H)| in nats: 0, since E[−log π(token)] is the entropy H where it is drawn.

    Within `num_errors` standard errors and `tolerance` per token.
    """
    mask_BT = rollout.response_mask_BT
    excess_B = zero_masked(-new_logprobs_BT - entropy_BT, mask_BT).double().sum(dim=1)
    mean, num_responses = float(excess_B.mean()), len(excess_B)
    error = float(excess_B.std(unbiased=True)) / num_responses**0.5
    allowed = num_errors * error + tolerance * float(mask_BT.sum()) / num_responses
    ok = abs(mean) <= allowed
    if mean < 0:
        cause = "they are likelier than the policy's own samples: sampling uses top_k, top_p or a lower temperature"
    else:
        cause = (
            "they are less likely than the policy's own samples: a higher temperature, a minimum length, stale weights"
        )
    return Finding(
        name="samples are typical of the policy",
        ok=ok,
        value=abs(mean),
        tolerance=allowed,
        explanation=_either(
            ok,
            "responses are as surprising as the policy's entropy says",
            f"the surprise of a response is off its entropy by {mean:+.3g} nats; {cause}",
        ),
        remedy="sample from the plain distribution (top_k 0, top_p 1), at the temperature that the algorithm is told",
    )


def score_is_calibrated(rollout: Rollout, *, expected: float, num_errors: float) -> Finding:
    """|mean score − expected| in scores: within `num_errors` standard errors of the mean."""
    scores_B = rollout.scores_B.double()
    error = float(scores_B.std(unbiased=True) / len(scores_B) ** 0.5) if len(scores_B) > 1 else float("inf")
    distance = abs(float(scores_B.mean()) - expected)
    tolerance = num_errors * error
    return Finding(
        name="scores are calibrated",
        ok=distance <= tolerance,
        value=distance,
        tolerance=tolerance,
        explanation=_either(
            distance <= tolerance,
            "the first scores are where the reward model was calibrated",
            f"the mean score of the first rollout is {float(scores_B.mean()):.3g}, not {expected:.3g}: the reward "
            "model's bias was lost, or its chat template is another one than the policy's",
        ),
        remedy="train or save the reward model again, from the same base model as the policy",
    )


def _either(is_ok: bool, good: str, bad: str) -> str:
    return good if is_ok else bad
