"""Evaluations: what labelers say of policies, and whether the reward model deserves trust."""

from preceptor.evals.base import (
    EVALUATIONS,
    EvalReport,
    Evaluation,
    EvaluationConfig,
    Item,
    Judge,
    PolicyResponses,
    Verdict,
    evaluation,
)
from preceptor.evals.calibration import calibration_by_margin
from preceptor.evals.gate import Gate, check_gate
from preceptor.evals.human_preference import HumanPreference, PreferenceConfig, compare, items_of_rankings, win_rate
from preceptor.evals.likert import Likert, likert, rate
from preceptor.evals.overoptimization import OptimizationPoint, Overoptimization, detect_overoptimization
from preceptor.evals.pairs import Pair, labeler_agreement, pairs_of
from preceptor.evals.reward_accuracy import AccuracyConfig, AccuracyReport, reward_accuracy

__all__ = [
    "EVALUATIONS", "AccuracyConfig", "AccuracyReport", "EvalReport", "Evaluation", "EvaluationConfig", "Gate",
    "HumanPreference", "Item", "Judge", "Likert", "OptimizationPoint", "Overoptimization", "Pair", "PolicyResponses",
    "PreferenceConfig", "Verdict", "calibration_by_margin", "check_gate", "compare", "detect_overoptimization",
    "evaluation", "items_of_rankings", "labeler_agreement", "likert", "pairs_of", "rate", "reward_accuracy", "win_rate",
]  # fmt: skip
