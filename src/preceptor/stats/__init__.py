"""Statistics of judgements: intervals, agreement, Bradley–Terry. numpy and scipy only."""

from preceptor.stats.agreement import Agreement, agreement_interval, kendall_tau_b, pairwise_agreement
from preceptor.stats.bradley_terry import (
    CalibrationBin,
    accuracy,
    calibration,
    calibration_error,
    ceiling_from_agreement,
    fit_bradley_terry,
    fit_logistic,
)
from preceptor.stats.intervals import Interval, cluster_bootstrap, mean_interval, wilson_interval

__all__ = [
    "Agreement", "CalibrationBin", "Interval", "accuracy", "agreement_interval", "calibration", "calibration_error",
    "ceiling_from_agreement", "cluster_bootstrap", "fit_bradley_terry", "fit_logistic", "kendall_tau_b",
    "mean_interval", "pairwise_agreement", "wilson_interval",
]  # fmt: skip
