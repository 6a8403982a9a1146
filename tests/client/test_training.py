"""Training through the SDK, on a real node."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from client.small_models import Ask
from feria.errors import Invalid, NotFound

LINE = [{"x": float(x), "y": 2.0 * x + 1} for x in range(40)]


async def test_rows_become_a_model_that_predicts(ask: Ask, name: str) -> None:
    said: list[tuple[str, float]] = []
    model = await ask(
        "train", name, "linear_regression", LINE, "y",
        card="A line.", seed=3, holdout=0.25, on_progress=lambda *told: said.append(told),
    )  # fmt: skip
    assert (model.name, model.version, model.kind, model.card) == (name, 1, "linear_regression", "A line.")
    assert (model.metrics["seed"], model.metrics["rows_holdout"]) == (3, 10)
    answer = await ask("predict", name, [{"x": 100.0}])
    assert answer.predictions == pytest.approx((201.0,), rel=1e-4)
    shares = [done for _, done in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert all(0 <= share <= 1 for share in shares)
    assert {doing for doing, _ in said} >= {"fitting"}


async def test_a_file_becomes_the_same_model_as_its_rows(ask: Ask, name: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(LINE)
    frame.write_csv(tmp_path / "line.csv")
    frame.write_parquet(tmp_path / "line.parquet")
    lists: list[Any] = [[row["x"], row["y"]] for row in LINE]
    for data, columns in (
        (tmp_path / "line.csv", None),
        (str(tmp_path / "line.parquet"), None),
        (LINE, None),
        (frame, None),
        (lists, ["x", "y"]),
        (frame.to_numpy(), ["x", "y"]),
    ):
        await ask("train", name, "linear_regression", data, "y", columns=columns)
    versions = await ask("versions", name)
    assert len(versions) == 6
    assert len({one.metrics["rmse"] for one in versions}) == 1


async def test_classes_come_with_their_probabilities(ask: Ask, name: str) -> None:
    rows = [{"x": float(x), "big": "yes" if x >= 20 else "no"} for x in range(40)]
    await ask("train", name, "decision_tree", rows, "big", settings={"max_depth": 2}, features=["x"])
    answer = await ask("predict", name, [[0.0], [39.0]])
    assert answer.predictions == ("no", "yes")
    assert answer.labels == ("no", "yes")
    assert answer.probabilities == ((1.0, 0.0), (0.0, 1.0))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "magic"}, "kind"),
        ({"target": "z"}, "'z'"),
        ({"settings": {"depth": 3}}, "depth"),
        ({"holdout": 2}, "holdout"),
        ({"data": []}, "no rows"),
        ({"data": [{"x": 1.0, "y": 1.0}, {"x": "one", "y": 2.0}]}, "Row 1, column 'x'"),
        ({"data": [[1.0, 2.0]]}, "columns"),
    ],
)
async def test_what_cannot_be_learned_is_said_and_nothing_published(
    ask: Ask, name: str, order: dict[str, Any], said: str
) -> None:
    given: dict[str, Any] = {"kind": "decision_tree", "data": LINE, "target": "y"} | order
    with pytest.raises(Invalid, match=said):
        await ask("train", name, **given)
    with pytest.raises(NotFound):
        await ask("versions", name)


async def test_columns_are_not_for_files(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "line.csv"
    pl.DataFrame(LINE).write_csv(file)
    with pytest.raises(Invalid, match="a file names its own"):
        await ask("train", "x", "svm", file, "y", columns=["x", "y"])
