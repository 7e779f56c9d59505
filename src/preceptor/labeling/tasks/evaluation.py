"""Final evaluation (Ouyang et al. 2022, section 3.6): responses of models that nobody is told, rated and ranked."""

from preceptor.labeling.i18n import N_
from preceptor.labeling.tasks.base import setting
from preceptor.labeling.tasks.ranking import EMPTY_BOARDS, EMPTY_BOARDS_HINT, RankingSettings, RankingTask


class EvaluationSettings(RankingSettings):
    """Settings of a stage in which models are evaluated."""

    empty_board_share: float = setting(1.0, EMPTY_BOARDS, EMPTY_BOARDS_HINT, ge=0, le=1)
    # Here all, so that preferences and ratings are two measurements.


class EvaluationTask(RankingTask):
    """Rate and rank as in `ranking`; what comes of it is evidence, and never trains."""

    kind = "evaluation"
    title = N_("Final evaluation")
    measures = True
    Settings = EvaluationSettings
