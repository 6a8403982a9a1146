"""All read their rows the same way, and who cannot is told which column it is."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from federation.stores import NAMES, agreed, order, stores, table
from feria.errors import Invalid
from feria.federation.agreement import Agreement, agree
from feria.federation.statistics import describe
from feria.learning.sources import Table


def told(tables: dict[str, Table], **wanted: Any) -> Agreement:
    return agree({name: describe(table, order(**wanted)) for name, table in tables.items()}, order(**wanted))


def changed(name: str, column: pl.Expr, target: str = "two") -> dict[str, Table]:
    made = stores(target)
    return made | {name: table(made[name].frame.with_columns(column))}


@given(some.permutations(NAMES))
@settings(deadline=None)
def test_who_told_first_does_not_matter(names: list[str]) -> None:
    tables = stores()
    one = told({name: tables[name] for name in names})
    assert one.digest == told(tables).digest
    assert Agreement.model_validate_json(one.model_dump_json()).digest == one.digest


def test_means_and_spreads_are_those_of_all_rows() -> None:
    tables = stores()
    pooled = pl.concat([one.frame for one in tables.values()])
    a, b = told(tables).numbers
    for column in (a, b):
        assert column.mean == pytest.approx(pooled[column.name].mean())
        assert column.deviation == pytest.approx(pooled[column.name].std(ddof=0))


@settings(deadline=None, max_examples=20)
@given(some.sampled_from(["logistic_regression", "gradient_boosting", "random_forest"]), some.data())
def test_a_row_reads_the_same_wherever_it_is(kind: str, data: some.DataObject) -> None:
    agreement, read = agreed(stores(), order(kind))
    name = data.draw(some.sampled_from(NAMES))
    rows = data.draw(some.lists(some.integers(0, 199), min_size=1, max_size=20))
    some_rows = agreement.read(table(stores()[name].frame[rows]))
    np.testing.assert_array_equal(some_rows.x, read[name].x[rows])
    np.testing.assert_array_equal(some_rows.y, read[name].y[rows])


def test_unknown_and_rare_texts_are_none_of_the_categories() -> None:
    tables = changed("Lima", pl.Series("colour", ["mauve"] * 4 + ["red"] * 196))
    agreement, read = agreed(tables, order())
    [colour] = agreement.texts
    assert colour.categories == ("", "blue", "green", "red", "white")
    assert read["Lima"].x[:4, 2:].sum() == 0
    assert (read["Lima"].x[4:, 2:].sum(axis=1) == 1).all()


def test_a_missing_number_becomes_the_mean_of_all_but_for_trees_that_know_what_to_do() -> None:
    for kind, is_nan in (
        ("logistic_regression", False),
        ("random_forest", False),
        ("gradient_boosting", True),
    ):
        agreement, read = agreed(stores(), order(kind))
        gap = stores()["Lima"].frame["b"].is_null().to_numpy()
        filled = read["Lima"].x[gap, 1]
        assert bool(np.isnan(filled).all()) == is_nan
        if kind == "random_forest":
            assert filled == pytest.approx(agreement.numbers[1].mean, rel=1e-6)
        if kind == "logistic_regression":
            assert (filled == 0).all()


def test_sums_of_standard_columns_are_sums_of_the_matrix() -> None:
    agreement, read = agreed(stores(), order())
    weights = np.random.default_rng(0).normal(size=(agreement.width + 1, 2))
    coefficients, intercepts = agreement.unstandard(weights)
    x = read["Cusco"].x
    np.testing.assert_allclose(agreement.standard(x) @ weights, x @ coefficients + intercepts, atol=1e-9)


# ------------------------------------------------------------------- clients that differ
def test_a_column_that_is_empty_at_one_client_is_missing_there() -> None:
    agreement, read = agreed(changed("Lima", pl.lit(None).cast(pl.String).alias("b")), order())
    assert [column.name for column in agreement.numbers] == ["a", "b"]
    assert (read["Lima"].x[:, 1] == 0).all()


def test_a_column_that_one_client_lacks_is_left_out_and_said() -> None:
    tables = stores()
    tables["Lima"] = table(tables["Lima"].frame.drop("b"))
    agreement = told(tables)
    assert [column.name for column in agreement.columns] == ["a", "colour"]
    assert agreement.notes == ("'b' was left out: 1 of 3 clients do not have it.",)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pl.lit("many").alias("b"), "'b' holds texts here, and numbers at the other clients."),
        (pl.lit(7).alias("colour"), "'colour' holds numbers here, and texts at the other clients."),
    ],
)
def test_who_is_alone_with_a_type_is_refused_by_name_of_the_column(column: pl.Expr, sentence: str) -> None:
    tables = changed("Lima", column)
    agreement = told(tables)
    with pytest.raises(Invalid) as refused:
        agreement.read(tables["Lima"])
    assert refused.value.message == sentence
    assert refused.value.details["column"] in {"b", "colour"}
    assert len(agreement.read(tables["Cusco"]).y) == 200


def test_a_latecomer_without_a_column_is_refused() -> None:
    late = table(stores()["Lima"].frame.drop("a"))
    with pytest.raises(Invalid, match="There is no column 'a' here") as refused:
        told(stores()).read(late)
    assert refused.value.details == {"column": "a"}


def test_half_and_half_is_no_agreement() -> None:
    tables = changed("Lima", pl.lit("many").alias("b"))
    del tables["Cusco"]
    with pytest.raises(Invalid, match="'b' holds numbers at one half"):
        told(tables)


def test_nothing_in_common_is_said() -> None:
    tables = {name: table({f"of {name}": range(40), "label": ["a", "b"] * 20}) for name in ("Cusco", "Lima")}
    with pytest.raises(Invalid, match="no column that all clients have"):
        told(tables)


# ------------------------------------------------------------------- what is predicted
def test_a_client_may_have_one_class_only() -> None:
    tables = changed("Lima", pl.lit("dear").alias("label"))
    agreement, read = agreed(tables, order())
    assert agreement.labels == ("cheap", "dear")
    assert set(read["Lima"].y) == {1}


def test_rows_of_a_class_nobody_could_tell_of_are_left_out() -> None:
    label = pl.Series("label", ["odd"] * 3 + ["cheap", "dear"] * 98 + ["cheap"])
    agreement, read = agreed(changed("Lima", label), order())
    assert agreement.labels == ("cheap", "dear")
    assert len(read["Lima"].y) == 197
    with pytest.raises(Invalid, match="agreed on"):
        agreement.read(table(stores()["Lima"].frame.with_columns(pl.lit("odd").alias("label"))))


@pytest.mark.parametrize(
    ("values", "expression", "labels"),
    [
        ([0, 1, 2], "n>0", ("false", "true")),
        ([0.0, 1.0, 2.0], "n", (0, 1, 2)),
        ([True, False, True], "n", ("false", "true")),
    ],
)
def test_classes_are_called_what_one_node_would_call_them(
    values: list[Any], expression: str, labels: tuple[Any, ...]
) -> None:
    rows = {"x": range(60), "n": values * 20}
    agreement = told({"Cusco": table(rows), "Lima": table(rows)}, target=expression)
    assert agreement.labels == labels
    assert agreement.read(table(rows)).y.dtype == np.int64


def test_it_is_classes_only_where_all_see_classes() -> None:
    few = {"x": range(60), "n": [1, 2, 3] * 20}
    many = {"x": range(60), "n": [float(n) for n in range(60)]}
    wanted: dict[str, Any] = {"kind": "mlp", "target": "n"}
    assert told({"Cusco": table(few), "Lima": table(few)}, **wanted).task == "classification"
    agreement = told({"Cusco": table(few), "Lima": table(many)}, **wanted)
    assert agreement.task == "regression"
    y = np.concatenate([agreement.read(table(one)).y for one in (few, many)])
    assert abs(y.mean()) < 1e-6
    assert 0.7 < y.std() < 1.42


def test_texts_are_no_numbers_to_predict() -> None:
    with pytest.raises(Invalid, match="'label' holds no numbers"):
        told(stores(), kind="linear_regression")
