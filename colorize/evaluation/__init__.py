"""Evaluating a model: `run_predictors` runs predictors over photos, `evaluate` does all that belongs to one model.

Keras is not imported here, so that what is missing is reported before it starts.
"""

from colorize.config.training import EvaluationConfig
from colorize.metrics.perceptual.weight_files import check_weights


def check_perceptual(evaluation: EvaluationConfig) -> None:
    """Refuses early where LPIPS and FID are asked for and their weights are not there.

    Raises:
        UserError: which file is missing or wrong, and where to get it.
    """
    if evaluation.perceptual:
        check_weights(evaluation.lpips_weights, "lpips")
        check_weights(evaluation.inception_weights, "inception")
