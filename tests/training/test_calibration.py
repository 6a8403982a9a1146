import numpy as np
import pytest

from training import calibration


def test_a_temperature_undoes_how_much_too_sure_a_network_is() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (20_000, 4))
    chances = calibration.softmax(logits)
    labels = (chances.cumsum(1) > random.random((len(logits), 1))).argmax(1)
    assert calibration.temperature(logits, labels) == pytest.approx(1, abs=0.05)
    assert calibration.temperature(3 * logits, labels) == pytest.approx(3, abs=0.15)


def test_most_right_answers_are_above_the_limit() -> None:
    best = np.linspace(0, 1, 101)
    right = best >= 0.5
    limit = calibration.unsure_below(best, right, kept=0.9)
    assert (best[right] >= limit).mean() == pytest.approx(0.9, abs=0.02)
