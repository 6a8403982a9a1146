"""What a client may not answer, and in which words it is refused."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays_of

from feria.federation import flower
from feria.federation.models.trees import read
from feria.federation.screening import Screening

SHAPE = (3, 2)
FINITE = some.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture(autouse=True, scope="module")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> None:
    flower.prepare(tmp_path_factory.mktemp("flower"), run_id=1)


def _fault(
    arrays: ArrayRecord | list[Any],
    *,
    samples: Any = 5,
    screening: Screening | None = None,
    kind: str = "train",
) -> str | None:
    sent = Message(RecordDict({"a": ArrayRecord([np.zeros(SHAPE)])}), dst_node_id=9, message_type=kind)
    records = RecordDict({"m": MetricRecord({"num-examples": samples})})
    records["arrays"] = arrays if isinstance(arrays, ArrayRecord) else ArrayRecord(arrays)
    return (screening or Screening({"Ana": 10}))(sent, Message(records, reply_to=sent), "Ana")


@given(arrays_of.arrays(np.float64, SHAPE, elements=FINITE))
def test_finite_numbers_of_the_right_shape_are_taken(values: np.ndarray) -> None:  # type: ignore[type-arg]
    assert _fault([values]) is None
    assert _fault([np.asfortranarray(values)]) is None


@given(
    arrays_of.arrays(np.float64, SHAPE, elements=FINITE),
    some.integers(0, 5),
    some.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_one_number_that_is_none_is_enough(values: np.ndarray, place: int, bad: float) -> None:  # type: ignore[type-arg]
    values.flat[place] = bad
    word = "NaN" if np.isnan(bad) else "infinity"
    assert _fault([values]) == f"Its array '0' holds {word}."
    with np.errstate(over="ignore"):
        assert _fault([values.astype(np.float32)]) in {
            f"Its array '0' holds {word}.",
            "Its array '0' holds NaN.",
        }


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([np.zeros((2, 3))], "Its array '0' has the shape (2, 3) instead of (3, 2)."),
        ([np.zeros(SHAPE, "U1")], "Its array '0' holds <U1, which are no numbers."),
        ([np.zeros(SHAPE, complex)], "Its array '0' holds complex128, which are no numbers."),
        ([np.zeros(SHAPE)] * 2, "It sent the arrays 0, 1 instead of 0."),
        ([], "It sent the arrays  instead of 0."),
        (
            ArrayRecord({"0": Array("float64", SHAPE, "numpy.ndarray", b"junk")}),
            "Its array '0' cannot be read.",
        ),
        (ArrayRecord({"0": Array("float64", SHAPE, "torch", b"junk")}), "Its array '0' cannot be read."),
    ],
)
def test_what_is_wrong_with_an_array_is_named(arrays: Any, said: str) -> None:
    assert _fault(arrays) == said


def test_an_array_is_judged_by_its_bytes_not_by_what_it_says_of_itself() -> None:
    lying = Array("float64", SHAPE, "numpy.ndarray", Array(np.zeros((9, 9))).data)
    assert _fault(ArrayRecord({"0": lying})) == "Its array '0' has the shape (9, 9) instead of (3, 2)."


def test_an_array_of_objects_is_not_even_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    np.save(tmp_path / "trap.npy", np.full(SHAPE, Trap(), dtype=object), allow_pickle=True)
    trap = Array("object", SHAPE, "numpy.ndarray", (tmp_path / "trap.npy").read_bytes())
    assert _fault(ArrayRecord({"0": trap})) == "Its array '0' cannot be read."
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("samples", [0, -1, 2.5, 10.0, float("nan"), [3]])
def test_samples_are_a_whole_number_above_zero(samples: Any) -> None:
    assert "must be a whole number above 0" in str(_fault([np.zeros(SHAPE)], samples=samples))


def test_no_client_has_more_samples_than_it_registered_with() -> None:
    assert _fault([np.zeros(SHAPE)], samples=10) is None
    assert _fault([np.zeros(SHAPE)], samples=11) == "It says it has 11 rows and has registered with 10."
    assert _fault([np.zeros(SHAPE)], samples=10**9, screening=Screening()) is None


def test_of_an_evaluation_only_the_samples_are_looked_at() -> None:
    assert _fault([np.zeros(1)], kind="evaluate") is None
    assert "registered" in str(_fault([np.zeros(1)], samples=11, kind="evaluate"))


TREES = (
    b'{"learner": {"gradient_booster": {"model": {"gbtree_model_param": '
    b'{"num_trees": "%d", "num_parallel_tree": "1"}, "trees": [{"id": 0}], "iteration_indptr": [0, 1]}}}}'
)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (TREES % 1, None),
        (TREES % 2, "Its array '0' tells of 2 trees and holds 1."),
        (b'{"learner": 3}', "Its array '0' is no XGBoost model in JSON."),
        (b"", "Its array '0' is no XGBoost model in JSON."),
    ],
)
def test_trees_are_what_flower_will_read_of_them(model: bytes, said: str | None) -> None:
    screening = Screening({"Ana": 10}, read_trees=lambda _: None)
    assert _fault([np.frombuffer(model, np.uint8)], screening=screening) == said


def test_trees_that_others_could_not_go_on_from_are_refused() -> None:
    screening = Screening({"Ana": 10}, read_trees=partial(read, outputs=1, width=3))
    fault = _fault([np.frombuffer(TREES % 1, np.uint8)], screening=screening)
    assert "holds no trees for these columns" in str(fault)
