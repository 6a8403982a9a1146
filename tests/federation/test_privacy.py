"""Differential privacy: what is spent is told, and never more than may be."""

from pathlib import Path

import numpy as np
import pytest
from dp_accounting import dp_event, rdp
from flwr.app import ArrayRecord

from clients import NAMES, Fair, initial, same
from feria.errors import Invalid
from feria.federation.orders import PrivacySettings
from feria.federation.wire import RoundEnded

MANY = tuple(f"Tienda {n}" for n in range(20))
SOME = PrivacySettings(noise_multiplier=2.0, clipping_norm=0.5)


def _epsilon(rounds: int, noise: float = 2.0) -> float:
    accountant = rdp.RdpAccountant()
    accountant.compose(dp_event.GaussianDpEvent(noise), rounds)
    return float(accountant.get_epsilon(1e-5))


def test_every_round_tells_what_all_have_spent(tmp_path: Path) -> None:
    fair = Fair(tmp_path, MANY, privacy=SOME)
    fair.run(3)
    told = [(ended.epsilon, ended.delta) for ended in fair.told(RoundEnded)]
    assert told == [(pytest.approx(_epsilon(rounds)), 1e-5) for rounds in (1, 2, 3)]


def test_what_was_spent_before_a_resume_stays_spent(tmp_path: Path) -> None:
    Fair(tmp_path, MANY, privacy=SOME).run(2)
    fair = Fair(tmp_path, MANY, privacy=SOME)
    fair.run(3)
    told = [ended.epsilon for ended in fair.told(RoundEnded)]
    assert told == [pytest.approx(_epsilon(rounds)) for rounds in (2, 3)]


def test_a_job_ends_before_the_round_that_would_spend_too_much(tmp_path: Path) -> None:
    limit = (_epsilon(2) + _epsilon(3)) / 2
    fair = Fair(tmp_path, MANY, privacy=SOME.model_copy(update={"max_epsilon": limit}))
    outcome = fair.run(9)
    assert (outcome.state, outcome.round, outcome.reason) == ("completed", 2, "The privacy budget is spent.")


def test_a_budget_too_small_for_one_round_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="One round alone would spend more"):
        Fair(tmp_path, MANY, privacy=SOME.model_copy(update={"max_epsilon": 0.1}))


def test_only_a_mean_can_be_accounted_for(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="fedavg and fedprox only"):
        Fair(tmp_path, MANY, strategy="krum", privacy=SOME)


def test_no_client_moves_the_arrays_further_than_its_share(tmp_path: Path) -> None:
    quiet = PrivacySettings(noise_multiplier=1e-6, clipping_norm=0.1)
    there = {name: {"fault": "poison"} if name == NAMES[0] else {} for name in NAMES}
    arrays = Fair(tmp_path, there, privacy=quiet).run(1).arrays
    assert _norm(arrays) <= 0.1 + 1e-3
    (tmp_path / "open").mkdir()
    assert _norm(Fair(tmp_path / "open", there).run(1).arrays) > 1


def test_noise_is_never_the_same_twice_though_the_job_has_a_seed(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    one, two = (Fair(tmp_path / name, MANY, privacy=SOME).run(1).arrays for name in "ab")
    assert not same(one, two)


def test_the_noise_is_that_for_those_who_answered(tmp_path: Path) -> None:
    """Its deviation is multiplier × norm / replies: half the replies, twice the noise."""
    loud = PrivacySettings(noise_multiplier=1.0, clipping_norm=1e6)
    deviations = []
    for absent in (0, 10):
        there = {name: {"fault": "raise"} if n < absent else {} for n, name in enumerate(MANY)}
        noise = []
        for trial in range(30):
            path = tmp_path / f"{absent}-{trial}"
            path.mkdir()
            fair = Fair(path, there, privacy=loud, min_replies=10)
            arrays = fair.run(1).arrays
            assert [ended.replies for ended in fair.told(RoundEnded)] == [20 - absent]
            noise += [value for array in arrays.values() for value in array.numpy()]
        deviations.append(np.std(noise) / (1e6 / (20 - absent)))
    assert deviations == [pytest.approx(1, abs=0.35)] * 2


def _norm(arrays: ArrayRecord) -> float:
    ends = zip(arrays.values(), initial().values(), strict=True)
    return float(np.sqrt(sum(((a.numpy() - b.numpy()) ** 2).sum() for a, b in ends)))
