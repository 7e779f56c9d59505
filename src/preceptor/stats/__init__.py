"""Statistics of judgements: intervals, agreement, Bradley–Terry, habits of labelers. numpy and scipy only."""

from preceptor.stats.agreement import (
    Agreement,
    AgreementMeasures,
    agreement_measures,
    kendall_tau_b,
    pairwise_agreement,
)
from preceptor.stats.alpha import krippendorff_alpha, ranking_alpha
from preceptor.stats.bradley_terry import (
    CalibrationBin,
    accuracy,
    calibration,
    calibration_error,
    ceiling_from_agreement,
    fit_bradley_terry,
    fit_logistic,
)
from preceptor.stats.habits import Drift, Pace, Window, drift, length_preference, pace, position_preference
from preceptor.stats.intervals import Interval, cluster_bootstrap, mean_interval, wilson_interval
from preceptor.stats.kappa import cohen_kappa, fleiss_kappa, gwet_ac1
from preceptor.stats.label_table import LabelTable, label_table
from preceptor.stats.labelers import by_group, by_labeler
from preceptor.stats.measure import Measure, Reason
from preceptor.stats.ranking_table import RankingTable, RankMap, ranking_table
from preceptor.stats.screening import demonstration_score, flagging_agreement, ranking_agreement

__all__ = [
    "Agreement", "AgreementMeasures", "CalibrationBin", "Drift", "Interval", "LabelTable", "Measure", "Pace",
    "RankMap", "RankingTable", "Reason", "Window", "accuracy", "agreement_measures", "by_group", "by_labeler",
    "calibration", "calibration_error", "ceiling_from_agreement", "cluster_bootstrap", "cohen_kappa",
    "demonstration_score", "drift", "fit_bradley_terry", "fit_logistic", "flagging_agreement", "fleiss_kappa",
    "gwet_ac1", "kendall_tau_b", "krippendorff_alpha", "label_table", "length_preference", "mean_interval", "pace",
    "pairwise_agreement", "position_preference", "ranking_agreement", "ranking_alpha", "ranking_table",
    "wilson_interval",
]  # fmt: skip
