"""The scores by which Ouyang et al. 2022, appendix B.1, choose labelers: each candidate against the researchers.

The fourth criterion, self-assessed topics, is no figure.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from preceptor.stats.intervals import mean_interval
from preceptor.stats.labelers import by_labeler
from preceptor.stats.measure import Measure, mean_share
from preceptor.stats.ranking_table import RankMap, ranking_table


def flagging_agreement(given: Mapping[Hashable, bool], gold: Mapping[Hashable, bool]) -> Measure:
    """Share of the texts that both flagged or both left, as sensitive speech; with Wilson's interval.

    Texts that only one of the two has seen are left out. With few sensitive texts a candidate who flags nothing
    agrees often: balance them.
    """
    shared = [text for text in given if text in gold]
    return mean_share([float(given[text] == gold[text]) for text in shared], empty="the two labelers share no item")


def ranking_agreement(given: Mapping[Hashable, RankMap], gold: Mapping[Hashable, RankMap]) -> Measure:
    """1 − mean Kendall distance of a candidate's rankings to the researchers', with Wilson's interval over prompts.

    A pair of responses that only one of the two ties counts one half, so that tying all gains nothing.
    """
    shared = [prompt for prompt in given if prompt in gold]
    table = ranking_table([{"given": given[prompt], "gold": gold[prompt]} for prompt in shared])
    empty = Measure(reason="the two labelers share no item")
    return by_labeler(table, table.agreement_with("gold")).get("given", empty)


def demonstration_score(ratings: Mapping[Hashable, Sequence[float]]) -> Measure:
    """Mean over demonstrations of the mean rating (1 to 7) that researchers gave each; Student's t interval.

    Demonstrations without a rating are left out.
    """
    means = [float(np.mean(given)) for given in ratings.values() if len(given)]
    if not means:
        return Measure(reason="nothing was labeled")
    if len(means) == 1:
        return Measure(means[0], reason="too few labels")
    found = mean_interval(means)
    if found.low == found.high:
        return Measure(found.value, reason="nothing varies from item to item")
    return Measure(found.value, found.low, found.high)
