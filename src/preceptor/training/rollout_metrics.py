"""What a rollout tells before anything is learned from it; each metric is defined by its formula in docs/metrics.md."""

from preceptor.ops.kl import k1
from preceptor.text.batches import Rollout


def mean_kl(rollout: Rollout) -> float:
    """Mean over responses of Σ_t (old_logprobs − ref_logprobs), in nats per response."""
    return float(k1(rollout.old_logprobs_BT, rollout.ref_logprobs_BT, rollout.response_mask_BT).sum(dim=1).mean())


def rollout_metrics(rollout: Rollout) -> dict[str, float]:
    """Score, KL, reward after KL, length, share that ended by itself, and surprise, as means over responses."""
    mask_BT = rollout.response_mask_BT
    num_tokens_B = mask_BT.sum(dim=1)
    return {
        "rollout/score": float(rollout.scores_B.mean()),
        "rollout/score_std": float(rollout.scores_B.std(correction=0)),
        "rollout/reward": float(rollout.rewards_BT.sum(dim=1).mean()),
        "rollout/length": float(num_tokens_B.float().mean()),
        "rollout/finished": float(rollout.finished_B.float().mean()),
        "rollout/surprise": float(-(rollout.old_logprobs_BT * mask_BT).sum() / num_tokens_B.sum()),
        "kl/reference": mean_kl(rollout),
    }
