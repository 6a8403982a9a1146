"""What a store agrees to."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from feria.federation.orders import MAX_ROUNDS, AppJob, PrivacySettings, StrategyName, TrainingJob
from feria.learning.wire import KindName
from feria.store.consent import Consent

KINDS, STRATEGIES = get_args(KindName), get_args(StrategyName)

noises = st.floats(0.01, 1000)
rounds = st.integers(1, MAX_ROUNDS)
jobs = st.builds(
    TrainingJob,
    model=st.just("heart"),
    target=st.just("num"),
    kind=st.sampled_from(KINDS),
    strategy=st.sampled_from(STRATEGIES),
    rounds=rounds,
    privacy=st.none() | st.builds(PrivacySettings, noise_multiplier=noises, clipping_norm=st.just(1.0)),
)
app_jobs = st.builds(
    AppJob,
    model=st.just("digits"),
    kind=st.just("app"),
    app=st.sampled_from(["digits", "mine"]),
    rounds=st.none() | rounds,
)
consents = st.builds(
    Consent,
    kinds=st.none() | st.lists(st.sampled_from(KINDS), unique=True).map(tuple),
    strategies=st.none() | st.lists(st.sampled_from(STRATEGIES), unique=True).map(tuple),
    most_rounds=rounds,
    least_noise=st.none() | noises,
    apps=st.booleans(),
)


def job(**said: Any) -> TrainingJob:
    return TrainingJob.model_validate({"model": "heart", "kind": "mlp", "target": "num", **said})


def app_job(**said: Any) -> AppJob:
    return AppJob.model_validate({"model": "digits", "kind": "app", "app": "digits", **said})


@given(jobs)
def test_who_says_nothing_agrees_to_every_training(order: TrainingJob) -> None:
    assert Consent().refusal(order) is None


@given(app_jobs)
def test_who_says_nothing_agrees_to_no_program_of_a_user(order: AppJob) -> None:
    said = Consent().refusal(order)
    assert said is not None
    assert order.app in said
    assert Consent(apps=True).refusal(order) is None


@given(consents, jobs)
def test_a_training_is_refused_when_any_part_of_it_is(consent: Consent, order: TrainingJob) -> None:
    said = consent.refusal(order) or ""
    faults = {
        f"the kind {order.kind};": consent.kinds is not None and order.kind not in consent.kinds,
        f"the strategy {order.strategy};": (
            consent.strategies is not None and order.strategy not in consent.strategies
        ),
        f"the job wants {order.rounds}.": order.rounds > consent.most_rounds,
        "noise multiplier": consent.least_noise is not None
        and (order.privacy is None or order.privacy.noise_multiplier < consent.least_noise),
    }
    assert {words: words in said for words in faults} == faults
    assert bool(said) == any(faults.values())


@given(consents, st.one_of(jobs, app_jobs))
def test_who_allows_less_refuses_no_less(consent: Consent, order: TrainingJob | AppJob) -> None:
    wider = [
        consent.model_copy(update=more)
        for more in (
            {"kinds": None},
            {"strategies": None},
            {"most_rounds": MAX_ROUNDS},
            {"least_noise": None},
            {"apps": True},
        )
    ]
    if consent.refusal(order) is None:
        assert [one.refusal(order) for one in wider] == [None] * len(wider)


@given(consents)
def test_a_consent_is_the_same_after_it_was_kept(consent: Consent) -> None:
    assert Consent.model_validate_json(consent.model_dump_json()) == consent


@pytest.mark.parametrize(
    ("consent", "order", "sentence"),
    [
        (
            Consent(kinds=("linear_regression", "logistic_regression")),
            job(),
            "This store does not allow the kind mlp; it allows linear_regression, logistic_regression.",
        ),
        (
            Consent(strategies=("krum",)),
            job(),
            "This store does not allow the strategy fedavg; it allows krum.",
        ),
        (Consent(kinds=()), job(), "This store does not allow the kind mlp; it allows none."),
        (Consent(most_rounds=5), job(rounds=6), "This store allows 5 rounds at most; the job wants 6."),
        (Consent(most_rounds=1), job(rounds=6), "This store allows 1 round at most; the job wants 6."),
        (
            Consent(least_noise=1),
            job(),
            "This store wants differential privacy with a noise multiplier of 1 at least; the job has none.",
        ),
        (
            Consent(least_noise=1),
            job(privacy={"noise_multiplier": 0.5, "clipping_norm": 1}),
            "This store wants differential privacy with a noise multiplier of 1 at least; the job has 0.5.",
        ),
        (
            Consent(strategies=("krum",), most_rounds=5),
            job(rounds=6),
            "This store does not allow the strategy fedavg; it allows krum. "
            "This store allows 5 rounds at most; the job wants 6.",
        ),
        (Consent(), app_job(), "This store runs no programs of users, such as the app digits."),
        (
            Consent(apps=True, most_rounds=5),
            app_job(),
            "This store allows 5 rounds at most; the job does not say how many the app digits does.",
        ),
        (
            Consent(apps=True, most_rounds=5),
            app_job(rounds=6),
            "This store allows 5 rounds at most; the job wants 6.",
        ),
        (
            Consent(apps=True, least_noise=1),
            app_job(),
            "This store wants differential privacy with a noise multiplier of 1 at least; the app digits "
            "promises none.",
        ),
    ],
)
def test_what_is_refused_and_what_is_allowed_is_said(
    consent: Consent, order: TrainingJob | AppJob, sentence: str
) -> None:
    assert consent.refusal(order) == sentence


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": ["mlp"]}',
        '{"kinds": "mlp"}',
        '{"kinds": ["perceptron"]}',
        '{"strategies": ["average"]}',
        '{"most_rounds": "5"}',
        '{"most_rounds": 0}',
        '{"most_rounds": 1.0}',
        '{"least_noise": 0}',
        '{"least_noise": NaN}',
        '{"least_noise": "1"}',
        '{"apps": "no"}',
        '{"apps": 1}',
    ],
)
def test_a_word_or_a_type_it_does_not_know_is_no_consent(text: str) -> None:
    with pytest.raises(ValidationError):
        Consent.model_validate_json(text)
