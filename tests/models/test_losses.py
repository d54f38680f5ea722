"""Terms of the loss, against hand computations."""

import numpy as np
import pytest
from bins_by_hand import TERM, head, random_ab, targets_by_hand, weights_by_hand

from colorize.config.registry import build
from colorize.models.heads import Regression


def test_the_loss_is_the_weighted_cross_entropy_of_photos_that_are_not_grey():
    ab = random_ab(3, 4, 6)
    ab[1] = np.clip(ab[1], -4, 4)  # grey in the sense of the paper
    logits = np.random.default_rng(1).normal(size=(3, 2, 3, 6)).astype("float32")
    loss = build(TERM.model_copy(update={"neighbours": 3, "sigma": 12.0}), head(stride=2))
    ours = float(loss(ab, logits))
    _, weights = weights_by_hand(12.0, 0.5)
    photos = []
    for photo in (0, 2):
        cells = []
        for row, column in np.ndindex(2, 3):
            block = ab[photo, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(4, 2).astype("float64")
            target = targets_by_hand(block.mean(axis=0), 3, 12.0)
            scores = logits[photo, row, column].astype("float64")
            log_shares = scores - np.log(np.exp(scores).sum())
            cells.append(weights[target.argmax()] * -(target * log_shares).sum())
        photos.append(np.mean(cells))
    assert ours == pytest.approx(np.mean(photos), rel=1e-4)
    grey = np.zeros((3, 4, 6, 2), "float32")
    assert float(loss(grey, logits)) == 0


def loss(config_of, true, predicted, name="smooth_l1", **values):
    config = config_of(f"loss={name}", *[f"loss.{name}.{key}={value}" for key, value in values.items()])
    as_map = [np.asarray(ab, "float32").reshape(1, 1, -1, 2) for ab in (true, predicted)]
    return float(build(config.loss.terms[name], Regression(config.head))(*as_map))


def test_the_loss_is_smooth_l1_in_lab_units(config_of):
    # |error| .5 is within delta 1: .5^2 / 2 = .125; |error| 4 is beyond: 4 - .5 = 3.5.
    assert loss(config_of, [[0, 0]], [[0.5, -4]], delta=1.0, chroma_weight=0.0) == pytest.approx((0.125 + 3.5) / 2)
    assert loss(config_of, [[0, 0]], [[4, 4]], delta=2.0, chroma_weight=0.0) == pytest.approx(4 - 1)


def test_l1_and_l2_are_the_absolute_and_the_scaled_squared_error(config_of):
    # Errors of 2 and 6: their mean is 4, their mean square 20, by 2 x 110.
    assert loss(config_of, [[0, 0]], [[2, -6]], "l1", chroma_weight=0.0) == pytest.approx(4)
    assert loss(config_of, [[0, 0]], [[2, -6]], "l2", chroma_weight=0.0) == pytest.approx(20 / 220)
    like = loss(config_of, [[0, 0]], [[2, -6]], "smooth_l1", delta=110.0, chroma_weight=0.0)
    assert like == pytest.approx(20 / 220), "l2 is smooth L1 that never leaves its quadratic part"


def test_colourful_pixels_weigh_more_by_their_true_chroma(config_of):
    # Chroma 0 and 50 under a weight of 2 count 1 and 2 times; the errors 1 and 10 cost .5 and 9.5 a channel.
    true, predicted = [[0, 0], [30, 40]], [[1, 1], [40, 50]]
    plain, weighted = [loss(config_of, true, predicted, delta=1.0, chroma_weight=w) for w in (0.0, 2.0)]
    assert plain == pytest.approx((0.5 + 9.5) / 2)
    assert weighted == pytest.approx((1 * 0.5 + 2 * 9.5) / 3)
