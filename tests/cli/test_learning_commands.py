"""`feria train` and `feria predict`, on real records and on files that will not do."""

import io
import json
import signal
import subprocess
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
from PIL import Image

from cli.running import FERIA, Feria, OnTerminal, environment
from client.small_models import brightness
from feria.cli.demo import EXAMPLE, breast_cancer
from feria.cli.learn import KINDS
from feria.learning.wire import KindName


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Houses of two towns: the price is area × 1000, and 50 000 more in Lima; some areas are unknown."""
    file = tmp_path_factory.mktemp("houses") / "houses.csv"
    areas = range(40, 160)
    pl.DataFrame(
        {
            "id": [f"h{area:03}" for area in areas],
            "area": [area if area % 10 else None for area in areas],
            "town": ["Lima" if area % 2 else "Cusco" for area in areas],
            "price": [area * 1000 + (50_000 if area % 2 else 0) for area in areas],
        }
    ).write_csv(file)
    return file


def test_train_prints_what_was_measured_and_how_to_go_on(beside: Feria, houses: Path) -> None:
    said = beside(
        "train", "linear_regression", "--data", houses, "--target", "price", "--features", "area,town"
    )
    assert "houses@" in said.out
    assert "learned from 96 (seed 0)" in said.out
    assert "r2" in said.out
    assert "\nPredict with it: feria predict houses --data rows.csv --out predictions.csv\n" in said.out
    assert "\x1b" not in said.out + said.err  # no colours, no bars, where nobody looks


def test_a_trained_model_predicts_a_file_and_keeps_what_was_in_it(beside: Feria, houses: Path) -> None:
    beside(
        "train", "decision_tree", "--data", houses, "--target", "price>120000", "--features", "area,town",
        "--name", "dear", "--set", "max_depth=4", "--holdout", "0.25", "--seed", "7",
        "--task", "classification",
    )  # fmt: skip
    said = beside("predict", "dear", "--data", houses, "--out", "dear.csv")
    assert said.out == "dear.csv holds the 120 rows with what dear@1 predicts.\n"
    assert "does not look at the column 'id'" in said.err
    given = pl.read_csv(houses, infer_schema=False)
    answered = pl.read_csv(beside.folder / "dear.csv", infer_schema=False)
    assert answered.columns == [*given.columns, "prediction", "probability"]
    assert answered.select(given.columns).equals(given)
    assert set(answered["prediction"]) == {"true", "false"}
    assert answered["probability"].cast(pl.Float64).is_between(0.5, 1.0).all()
    model = json.loads(beside("models", "show", "dear", "--json").out)
    assert model["metrics"]["rows_holdout"] == 30
    assert model["trained_from"]["settings"]["max_depth"] == 4


def test_answers_go_to_the_screen_and_to_parquet_alike(beside: Feria, houses: Path) -> None:
    beside(
        "train", "linear_regression", "--data", houses, "--target", "price", "--features", "area,town",
        "--name", "price",
    )  # fmt: skip
    shown = pl.read_csv(io.StringIO(beside("predict", "price@1", "--data", houses).out))
    assert shown.columns == ["id", "area", "town", "price", "prediction"]
    beside("predict", "price", "--data", houses, "--out", "price.parquet")
    kept = pl.read_parquet(beside.folder / "price.parquet")
    assert kept["prediction"].to_list() == pytest.approx(shown["prediction"].to_list(), rel=1e-6)
    known = shown.filter(pl.col("area").is_not_null())
    assert (known["prediction"] - known["price"]).abs().max() < 5_000  # type: ignore[operator]


def test_train_answers_programs_in_json(beside: Feria, houses: Path) -> None:
    said = beside("train", "linear_regression", "--data", houses, "--target", "price", "--json")
    assert json.loads(said.out)["kind"] == "linear_regression"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["svm", "--data", "nowhere.csv", "--target", "x"], "invalid: There is no file nowhere.csv."),
        (["magic", "--data", "HOUSES", "--target", "price"], "invalid: "),
        (["svm", "--data", "HOUSES", "--target", "prize"], "'prize'"),
        (["svm", "--data", "HOUSES", "--target", "price", "--set", "depth=3"], "depth"),
        (["svm", "--data", "HOUSES", "--target", "price", "--name", "a b"], "is no model name"),
        (["svm", "--data", "HOUSES", "--target", "price", "--features", "area,x"], "'x'"),
        (["svm", "--data", "HOUSES", "--target", "price", "--card", "nowhere.md"], "Cannot read nowhere.md"),
        (["svm", "--data", "HOUSES", "--target", "price", "--task", "both"], "invalid: task"),
    ],
)
def test_a_training_that_cannot_be_says_why(beside: Feria, houses: Path, words: list[str], said: str) -> None:
    assert said in beside.refused("train", *(str(houses) if word == "HOUSES" else word for word in words))


@pytest.mark.parametrize(
    "words",
    [
        ["train", "svm", "--data", "x.csv"],
        ["train", "svm", "--data", "x.csv", "--target", "y", "--set", "depth"],
        ["train", "svm", "--data", "x.csv", "--target", "y", "--holdout", "2"],
        ["predict", "price"],
        ["predict", "price", "--data", "x.csv", "--image", "x.jpg"],
        ["predict", "price", "--data", "x.csv", "--json"],
        ["nonsense"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(beside: Feria, words: list[str]) -> None:
    assert "Usage:" in beside(*words, code=2).err


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("area\n3\n", "bad.csv lacks 'town', which rows-model@1 takes."),
        ("area,town\n3,Lima\nmany,Lima\n", "bad.csv, row 2, column 'area': 'many' is not a number."),
        ("area,town\n3,\n", "bad.csv, row 1, column 'town': may not be empty."),
        ("area,town,prediction\n3,Lima,4\n", "conflict: bad.csv has a column 'prediction' already"),
        ("area,town\n", "bad.csv has no rows."),
    ],
)
def test_rows_that_will_not_do_are_refused_and_nothing_is_written(
    beside: Feria, houses: Path, rows: str, said: str
) -> None:
    if "rows-model" not in beside("models", "list").out:
        beside(
            "train", "linear_regression", "--data", houses, "--target", "price", "--features", "area,town",
            "--name", "rows-model",
        )  # fmt: skip
    (beside.folder / "bad.csv").write_text(rows)
    assert said in beside.refused("predict", "rows-model", "--data", "bad.csv", "--out", "bad-out.csv")
    assert not list(beside.folder.glob("*bad-out*"))


def test_more_rows_than_a_node_takes_at_once_go_in_parts(feria: Feria, houses: Path) -> None:
    feria("train", "linear_regression", "--data", houses, "--target", "price", "--features", "area,town")
    many = feria.folder / "many.csv"
    long = "a town with quite a long name " * 3
    many.write_text("area,town\n" + f"50,{long}\n" * 30_000)
    said = feria("predict", "houses", "--data", many, "--out", "out.csv", FERIA_WEB__MAX_BODY_MIB="1")
    assert "30,000 rows" in said.out
    assert pl.read_csv(feria.folder / "out.csv").height == 30_000


def test_a_reader_who_has_seen_enough_is_no_error(feria: Feria, houses: Path) -> None:
    feria("train", "linear_regression", "--data", houses, "--target", "price", "--features", "area,town")
    many = feria.folder / "many.csv"
    many.write_text("area,town\n" + "50,Lima\n" * 200_000)
    done = subprocess.run(
        ["bash", "-c", f"'{FERIA}' predict houses --data many.csv | head -n 2"],
        cwd=feria.folder,
        env=environment(FERIA_HOME=str(feria.home)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("area,town,prediction\n50,Lima,")
    assert done.stderr == ""


def test_pictures_are_shown_with_their_likeliest_classes(beside: Feria) -> None:
    for name, value in {"white": 255, "black": 0}.items():
        Image.new("L", (8, 8), value).save(beside.folder / f"{name}.png")
    (beside.folder / "brightness.onnx").write_bytes(brightness())
    (beside.folder / "labels.txt").write_text("dark\nbright\n")
    beside("models", "add", "brightness.onnx", "--labels", "labels.txt")
    said = beside("predict", "brightness", "--image", "white.png", "black.png").out
    assert [line.split() for line in said.splitlines()[2:]] == [
        ["white.png", "bright", "100.0%"],
        ["dark", "0.0%"],
        ["black.png", "dark", "100.0%"],
        ["bright", "0.0%"],
    ]
    seen = json.loads(beside("predict", "brightness", "--image", "white.png", "--json").out)
    assert (seen[0]["picture"], seen[0]["label"]) == ("white.png", "bright")
    assert "unsure" not in seen[0]
    (beside.folder / "broken.jpg").write_bytes(b"no picture")
    assert beside.refused("predict", "brightness", "--image", "broken.jpg").startswith("not_an_image: ")
    assert "There is no file gone.jpg" in beside.refused("predict", "brightness", "--image", "gone.jpg")


def test_a_model_that_may_be_unsure_says_so(beside: Feria) -> None:
    for name, value in {"grey": 130, "pale": 250}.items():
        Image.new("L", (8, 8), value).save(beside.folder / f"{name}.png")
    (beside.folder / "doubtful.onnx").write_bytes(brightness())
    (beside.folder / "labels.txt").write_text("dark\nbright\n")
    beside("models", "add", "doubtful.onnx", "--labels", "labels.txt", "--unsure-below", "0.9")
    assert "unsure below 90%" in beside("models", "show", "doubtful").out
    said = beside("predict", "doubtful", "--image", "grey.png", "pale.png", "--top", "1").out
    assert [line.split() for line in said.splitlines()[2:]] == [
        ["grey.png", "bright", "(unsure)", "51.0%"],
        ["pale.png", "bright", "98.0%"],
    ]
    seen = json.loads(beside("predict", "doubtful", "--image", "grey.png", "pale.png", "--json").out)
    assert [one["unsure"] for one in seen] == [True, False]
    beside("models", "add", "doubtful.onnx", "--unsure-below", "1.1", code=2)


def test_rows_are_not_for_pictures_nor_pictures_for_rows(beside: Feria, houses: Path) -> None:
    (beside.folder / "brightness.onnx").write_bytes(brightness())
    beside("models", "add", "brightness.onnx", "--name", "light")
    assert "takes no rows" in beside.refused("predict", "light", "--data", houses)
    beside("train", "linear_regression", "--data", houses, "--target", "price", "--name", "plain")
    Image.new("L", (8, 8)).save(beside.folder / "black.png")
    assert "takes no pictures" in beside.refused("predict", "plain", "--image", "black.png")


def test_the_kinds_named_in_help_are_those_there_are() -> None:
    assert set(KINDS) == set(get_args(KindName))


def test_heart_records_of_four_hospitals(feria: Feria, shared_data: Path) -> None:
    records = shared_data / "tabular" / "heart_disease_4hospitals.csv"
    said = feria("train", "logistic_regression", "--data", records, "--target", "num>0", "--name", "heart")
    assert "truth ↓ predicted →" in said.out
    feria("predict", "heart", "--data", records, "--out", "predictions.csv")
    answered = pl.read_csv(feria.folder / "predictions.csv")
    right = (answered["prediction"] == (answered["num"] > 0)).mean()
    assert right is not None
    assert right > 0.8  # type: ignore[operator]


def test_photos_are_recognised(feria: Feria, shared_data: Path) -> None:
    folder = shared_data / "models" / "imagenet"
    feria(
        "models", "add", folder / "squeezenet1_0_dc.onnx", "--name", "squeezenet",
        "--labels", folder / "synset.txt", "--channels", "BGR", "--mean", "104,117,123", "--scale", "1",
        "--size", "227x227",
    )  # fmt: skip
    shirts = sorted((shared_data / "photos" / "clothing" / "t-shirt").glob("*.jpg"))[:20]
    seen = json.loads(feria("predict", "squeezenet", *[f"--image={shirt}" for shirt in shirts], "--json").out)
    found = sum("jersey" in one["top"][place]["label"] for one in seen for place in range(5))
    assert len(seen) == 20
    assert found >= 10


def test_ctrl_c_ends_a_training_and_its_process(feria: Feria, houses: Path) -> None:
    """On a terminal, so that the bar tells when the training is under way."""
    many = feria.folder / "many.csv"
    header, *rows = houses.read_text().splitlines()
    many.write_text("\n".join([header, *rows * 400]) + "\n")
    with OnTerminal(
        feria, "train", "mlp", "--data", "many.csv", "--target", "price",
        "--set", "max_iter=100000", "--set", "hidden_layer_sizes=[400,400]",
    ) as command:  # fmt: skip
        command.wait_for("Fitting")
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 130
    assert "Traceback" not in command.said
    assert feria("models", "list").err.startswith("The shelf is empty")
    assert not list((feria.home / "scratch").iterdir())


def test_a_terminal_shows_a_bar_that_is_gone_when_done(feria: Feria, houses: Path) -> None:
    with OnTerminal(feria, "train", "mlp", "--data", houses, "--target", "price") as command:
        assert command.end() == 0
    assert "%" in command.said
    assert "\x1b[2K" in command.said  # erases the bar's line
    assert "is trained and served" in command.said


def test_up_trains_a_first_model_and_its_line_works(feria: Feria) -> None:
    with feria.node(command="up", until="Read on") as node:
        assert "Trained breast_cancer@1, a logistic regression, right on 9" in node.said
        line = next(line for line in node.said.splitlines() if line.startswith("  curl "))
        answer = subprocess.run(
            ["bash", "-c", f"{line} --silent --noproxy '*'"], capture_output=True, check=True
        )
        assert json.loads(answer.stdout)["predictions"] == ["malignant"]
        assert node.stop()[0] == 0
    with feria.node(command="up", until="Read on") as node:
        assert "Trained" not in node.said
        assert "breast_cancer/predict" in node.said
        assert node.stop() == (0, "")


def test_the_example_of_up_is_the_first_of_the_records() -> None:
    assert breast_cancer().rows[0] == [*EXAMPLE, "malignant"]
