"""The command, on networks and pictures so plain that each figure is known before."""

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper
from training.evaluate import main
from training.ferplus import EMOTIONS

import nets
from feria.registry.wire import METADATA_KEY, FileMetadata, ImageInput, ModelOutput
from painting import BLUE, GREEN, RED, jpegs, paint, pixels, save, votes

ROOT = Path(__file__).parents[2]
SIDE = 8
SURE = math.exp(10) / (math.exp(10) + 2)
"""What `colours` says of a picture that is wholly of one of its colours."""
DULL = (100, 90, 90)
"""Red, but hardly."""
DULL_SURE = math.exp(100 / 25.5) / (math.exp(100 / 25.5) + 2 * math.exp(90 / 25.5))

Figures = dict[str, Any]


def colours(
    path: Path,
    labels: Sequence[str] | None = ("red", "green", "blue"),
    *,
    normalised: bool = True,
    embedding: bool = False,
    batch: Any = "N",
    unsure_below: float | None = None,
) -> Path:
    """The mean of each channel, times ten, is how likely red, green and blue are; the mean is the embedding.

    With `labels`, the file says itself what it takes.
    """
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "ten"], ["logits"]),
        *([helper.make_node("Softmax", ["logits"], ["classes"], axis=1)] if normalised else []),
        *([helper.make_node("Identity", ["mean"], ["embedding"])] if embedding else []),
    ]
    probabilities = "classes" if normalised else "logits"
    outputs = [probabilities, *(["embedding"] if embedding else [])]
    model = nets.model(
        nodes,
        {"image": (nets.FLOAT, [batch, 3, SIDE, SIDE])},
        {name: (nets.FLOAT, [batch, 3]) for name in outputs},
        {"ten": np.float32(10)},
    )
    if labels is not None:
        said = FileMetadata(
            kind="colours",
            input=ImageInput(input="image", width=SIDE, height=SIDE),
            output=ModelOutput(
                task="classification",
                labels=tuple(labels),
                probabilities=probabilities,
                embedding="embedding" if embedding else None,
                unsure_below=unsure_below,
            ),
        )
        helper.set_model_props(model, {METADATA_KEY: said.model_dump_json()})
    path.write_bytes(model.SerializeToString())
    return path


def greys(path: Path) -> Path:
    """Seven shades, a sixth of the whole apart, are the seven emotions; the file says nothing."""
    shades = np.arange(7)
    nodes = [
        helper.make_node("ReduceMean", ["gray"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "slope"], ["sloped"]),
        helper.make_node("Add", ["sloped", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["prob"], axis=1),
    ]
    slope, bias = (200 * 6 * shades).astype(np.float32), (-100 * shades**2).astype(np.float32)
    model = nets.model(
        nodes,
        {"gray": (nets.FLOAT, ["N", 1, 48, 48])},
        {"prob": (nets.FLOAT, ["N", 7])},
        {"slope": slope[None], "bias": bias},
    )
    path.write_bytes(model.SerializeToString())
    return path


class Ran:
    """The command, in this process: what it printed and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: Any, code: int = 0) -> tuple[str, str]:
        ended = main([str(argument) for argument in arguments])
        out, err = self._capsys.readouterr()
        assert ended == code, err
        return out, err

    def figures(self, *arguments: Any) -> Figures:
        out, err = self(*arguments, "--json")
        assert err == ""
        found: Figures = json.loads(out)
        return found

    def fails(self, *arguments: Any) -> str:
        out, err = self(*arguments, code=2)
        assert out == ""
        return err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(capsys)


def test_every_figure_is_what_one_works_out_by_hand(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"blue": [BLUE], "green": [GREEN] * 2, "red": [RED, RED, BLUE]})
    (data / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    found = run.figures(colours(tmp_path / "m.onnx"), data)

    seen = found["classification"]
    assert seen["accuracy"] == pytest.approx(5 / 6)
    assert seen["recall"] == pytest.approx({"red": 2 / 3, "green": 1, "blue": 1})
    assert seen["macro_recall"] == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert seen["calibration_error"] == pytest.approx(SURE - 5 / 6, abs=1e-6)
    assert seen["confusion"] == {
        "labels": ["red", "green", "blue"],
        "counts": [[2, 0, 1], [0, 2, 0], [0, 0, 1]],
        "elsewhere": [0, 0, 0],
    }
    assert (seen["among"], seen["unsure"], seen["softmax_added"]) == (None, None, False)
    assert found["data"]["pictures"] == 6
    assert found["data"]["classes"] == {"blue": 1, "green": 2, "red": 3}
    assert [one.partition(":")[0] for one in found["data"]["damaged"]] == ["red/broken.jpg"]
    assert found["model"]["kind"] == "colours"
    assert found["model"]["bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert found["retrieval"] is None
    assert found["notes"] == ["No retrieval: the model has no embedding."]
    latency = found["latency_ms"]
    assert 0 < latency["network"]["p50"] <= latency["network"]["p99"]
    assert latency["network"]["p50"] < latency["whole"]["p50"] <= latency["whole"]["p99"]


def test_people_get_tables(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"blue": [BLUE], "green": [GREEN] * 2, "red": [RED, RED, BLUE]})
    (data / "red" / "broken.jpg").write_bytes(b"")
    out, err = run(colours(tmp_path / "m.onnx", unsure_below=0.5), data)
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert ["accuracy", "0.8333"] in lines
    assert ["macro", "recall", "0.8889"] in lines
    assert ["red", "2", "·", "1", "0.667"] in lines
    assert "1 damaged left out, such as red/broken.jpg: The picture is empty." in out
    assert "unsure" in out
    assert "with decoding" in out


def test_labels_that_no_folder_has_are_told_apart_from_those_that_occur(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED, (150, 100, 200)], "Green": [GREEN]})
    model = colours(tmp_path / "m.onnx")
    seen = run.figures(model, data)["classification"]
    assert seen["accuracy"] == pytest.approx(2 / 3)
    assert seen["among"] == {"classes": 2, "accuracy": 1.0, "macro_recall": 1.0}
    assert seen["confusion"] == {
        "labels": ["red", "green"],
        "counts": [[1, 0], [0, 1]],
        "elsewhere": [1, 0],
    }
    assert "1.0000 among the 2 classes that occur" in run(model, data)[0]


def test_what_it_would_be_unsure_of_is_set_apart(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED, RED, RED], "green": [DULL]})
    model = colours(tmp_path / "m.onnx", unsure_below=DULL_SURE + 0.01)
    seen = run.figures(model, data)["classification"]
    assert seen["accuracy"] == 0.75
    assert seen["unsure"] == {"below": pytest.approx(DULL_SURE + 0.01), "share": 0.25, "accuracy": 1.0}
    told = run.figures(model, data, "--unsure-below", DULL_SURE - 0.01)["classification"]["unsure"]
    assert (told["share"], told["accuracy"]) == (0, 0.75)
    assert run.figures(model, data, "--unsure-below", 1)["classification"]["unsure"]["accuracy"] is None


def test_outputs_that_are_no_probabilities_become_some(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED, DULL], "green": [GREEN], "blue": [BLUE, RED]})
    plain = run.figures(colours(tmp_path / "plain.onnx"), data)
    raw = run.figures(colours(tmp_path / "raw.onnx", normalised=False), data)
    assert raw["classification"].pop("softmax_added")
    assert not plain["classification"].pop("softmax_added")
    for name in ("accuracy", "macro_recall", "calibration_error"):
        assert raw["classification"][name] == pytest.approx(plain["classification"][name], abs=1e-6)
    assert "The output is not normalised; its softmax was taken for the probabilities." in raw["notes"]


def test_a_network_of_one_picture_at_a_time_and_a_hundred_pictures(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED] * 40 + [BLUE] * 10, "blue": [BLUE] * 45 + [GREEN] * 5})
    free, fixed = (
        run.figures(colours(tmp_path / f"{batch}.onnx", batch=batch), data)["classification"]
        for batch in ("N", 1)
    )
    assert free["confusion"]["counts"] == fixed["confusion"]["counts"] == [[40, 10], [0, 45]]
    assert free["confusion"]["elsewhere"] == fixed["confusion"]["elsewhere"] == [0, 5]
    assert free["calibration_error"] == pytest.approx(fixed["calibration_error"], abs=1e-6)


def test_a_limit_and_threads_are_kept_to(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED] * 9, "blue": [BLUE] * 9, "green": [GREEN] * 9})
    model = colours(tmp_path / "m.onnx")
    one, again = (run.figures(model, data, "--limit", 5, "--seed", 3, "--threads", 2) for _ in range(2))
    assert one["data"] == again["data"]
    assert (one["data"]["pictures"], one["data"]["limit"], one["data"]["seed"]) == (5, 5, 3)


# ------------------------------------------------------------------------------------------ retrieval
def test_the_nearest_are_looked_for_in_the_gallery(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [(250, 20, 10)], "blue": [(0, 0, 90), (0, 99, 9)]})
    reds = [(200, n, 0) for n in range(6)]
    gallery = paint(
        tmp_path / "gallery", {"Red": reds, "blue": [(0, n, 200) for n in range(5)], "gold": [GREEN]}
    )
    (gallery / "gold" / "bad.png").write_bytes(b"?")
    found = run.figures(colours(tmp_path / "m.onnx", embedding=True), data, "--gallery", gallery)["retrieval"]
    assert (found["pictures"], found["dimensions"], found["leaves_itself_out"]) == (12, 3, False)
    assert [one.partition(":")[0] for one in found["damaged"]] == ["gold/bad.png"]
    # The last is nearest to gold. Each of the ten nearest: 6 reds for red; 5 blues for both blues.
    assert found["precision"] == {"1": pytest.approx(2 / 3), "10": pytest.approx((0.6 + 0.5 + 0.5) / 3)}


def test_in_its_own_set_a_picture_is_not_its_own_neighbour_nor_is_one_of_a_sample(
    run: Ran, tmp_path: Path
) -> None:
    data = paint(tmp_path / "data", {"red": [RED, (90, 0, 60)], "blue": [(70, 0, 90), (0, 40, 200)]})
    (data / "blue" / "0.jpg").write_bytes(b"?")  # the numbers of pictures and of vectors differ by it
    model = colours(tmp_path / "m.onnx", embedding=True)
    found = run.figures(model, data, "--gallery", tmp_path / "data" / ".." / "data")["retrieval"]
    # Each one's nearest but itself: blue 0 and red 1 each other; red 0 has red 1, blue 1 has blue 0.
    assert found["precision"] == {"1": 0.5, "10": None}
    assert found["leaves_itself_out"]
    assert "the gallery is too small" in run(model, data, "--gallery", data)[0]
    # Here each one's nearest but itself is of the other class, whichever is drawn.
    crossed = paint(tmp_path / "crossed", {"red": [RED, BLUE], "blue": [(250, 9, 0), (0, 9, 250)]})
    for seed in range(4):
        one = run.figures(model, crossed, "--gallery", crossed, "--limit", 1, "--seed", seed)
        assert one["data"]["pictures"] == 1
        assert one["retrieval"]["precision"]["1"] == 0


def test_without_a_gallery_or_an_embedding_it_says_why_there_is_no_retrieval(
    run: Ran, tmp_path: Path
) -> None:
    data = paint(tmp_path / "data", {"red": [RED], "blue": [BLUE]})
    with_embedding = colours(tmp_path / "e.onnx", embedding=True)
    assert run.figures(with_embedding, data)["notes"] == ["No retrieval: no --gallery was named to look in."]
    error = run.fails(colours(tmp_path / "m.onnx"), data, "--gallery", data)
    assert "has no embedding, so nothing can be looked for in a gallery" in error
    one = paint(tmp_path / "one", {"red": [RED]})
    assert "The gallery has no pictures beside" in run.fails(with_embedding, one, "--gallery", one)


# --------------------------------------------------------------------------------- files of other people
def test_a_file_without_labels_takes_the_folders_for_them_or_what_it_is_told(
    run: Ran, tmp_path: Path
) -> None:
    model = colours(tmp_path / "m.onnx", None)
    sorted_right = paint(tmp_path / "a", {"c1": [RED], "c2": [GREEN], "c3": [BLUE, GREEN]})
    found = run.figures(model, sorted_right)
    assert found["classification"]["accuracy"] == 0.75
    assert found["model"]["labels"] == ["c1", "c2", "c3"]
    assert found["notes"][0].startswith(
        "The file names no labels; its outputs were taken for the data's classes"
    )
    by_name = paint(tmp_path / "b", {"blue": [BLUE], "green": [GREEN], "red": [RED]})
    assert run.figures(model, by_name)["classification"]["accuracy"] == pytest.approx(1 / 3)
    told = run.figures(model, by_name, "--labels", "red, green, blue")
    assert told["classification"]["accuracy"] == 1
    assert len(told["notes"]) == 1
    by_number = paint(tmp_path / "c", {"2": [BLUE], "0": [RED]})
    assert run.figures(model, by_number)["classification"]["accuracy"] == 1


def test_what_is_told_goes_before_what_the_file_says(run: Ran, tmp_path: Path) -> None:
    model = colours(tmp_path / "m.onnx")
    data = paint(tmp_path / "data", {"red": [RED], "blue": [BLUE]})
    swapped = run.figures(model, data, "--channels", "BGR", "--fit", "crop")
    assert swapped["classification"]["accuracy"] == 0
    assert (swapped["model"]["input"]["channels"], swapped["model"]["input"]["fit"]) == ("BGR", "crop")
    scaled = run.figures(model, data, "--mean", "1,2,3", "--scale", "1/127.5")
    assert scaled["model"]["input"]["mean"] == [1, 2, 3]
    assert scaled["model"]["input"]["scale"] == [pytest.approx(1 / 127.5)]
    darker = run.figures(model, data, "--scale", "1/25500")["classification"]["calibration_error"]
    assert darker > 0.5 > swapped["classification"]["accuracy"]


def test_a_file_of_other_classes_can_still_be_judged_by_its_embedding(run: Ran, tmp_path: Path) -> None:
    model = colours(tmp_path / "m.onnx", None, embedding=True)
    data = paint(tmp_path / "data", {"hat": [RED, (250, 9, 0)], "shoe": [BLUE, (0, 9, 250)]})
    assert "names no labels, and its 3 outputs are not as many as the data's 2 classes" in run.fails(
        model, data
    )
    found = run.figures(model, data, "--gallery", data)
    assert found["classification"] is None
    assert found["model"]["labels"] is None
    assert found["retrieval"]["precision"]["1"] == 1
    assert found["notes"][0].endswith("retrieval only.")
    assert "nearest, P@1" in run(model, data, "--gallery", data)[0]


# ----------------------------------------------------------------------------------------------- faces
@pytest.mark.parametrize("form", ["x", "jpeg"])
def test_faces_are_judged_by_what_most_people_saw(run: Ran, tmp_path: Path, form: str) -> None:
    shades = [round(n * 255 / 6) for n in (0, 3, 4, 6, 6, 1, 2)]
    faces = votes(
        {"anger": 8, "fear": 2},
        {"happiness": 10},
        {"neutral": 6, "sadness": 4},
        {"surprise": 5},
        {"sadness": 7},  # looks surprised to the network
        {"disgust": 5, "fear": 5},  # a tie
        {"NF": 9},
    )
    pictures = jpegs(shades) if form == "jpeg" else {"x": pixels(shades)}
    data = save(tmp_path / "faces.npz", votes=faces, **pictures)
    labels = "anger,disgusted,fear,happiness,neutral,sadness,Surprise"
    found = run.figures(greys(tmp_path / "m.onnx"), data, "--labels", labels)
    assert found["classification"]["accuracy"] == pytest.approx(4 / 5)
    assert found["classification"]["confusion"]["labels"] == [
        "anger",
        "happiness",
        "neutral",
        "sadness",
        "Surprise",
    ]
    assert found["classification"]["recall"]["sadness"] == 0
    assert found["classification"]["among"]["classes"] == 5
    assert (found["data"]["pictures"], found["data"]["left_out"]) == (5, 2)
    assert found["data"]["classes"] == {"angry": 1, "happy": 1, "neutral": 1, "sad": 1, "surprise": 1}


def test_a_public_network_reaches_what_was_measured_of_it(run: Ran, shared_data: Path) -> None:
    found = run.figures(
        shared_data / "models/emotion/mini_xception_fer2013_64.onnx",
        shared_data / "emotion/ferplus_train_jpeg.npz",
        *("--limit", 400, "--mean", 127.5, "--scale", "1/127.5"),
        *("--labels", "angry,disgust,fear,happy,sad,surprise,neutral"),
    )
    assert found["data"]["pictures"] == 400
    assert set(found["data"]["classes"]) == set(EMOTIONS)
    assert found["classification"]["accuracy"] > 0.55
    assert 0 < found["classification"]["calibration_error"] < 0.3
    assert found["latency_ms"]["network"]["p50"] < 50


# ---------------------------------------------------------------------------------------------- errors
def test_what_cannot_be_judged_is_said_in_a_sentence(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED], "blue": [BLUE]})
    model = colours(tmp_path / "m.onnx")
    assert "There is no file" in run.fails(tmp_path / "none.onnx", data)
    (tmp_path / "text.onnx").write_text("hello")
    assert "not_a_model: The file is not ONNX" in run.fails(tmp_path / "text.onnx", data)
    (tmp_path / "rows.onnx").write_bytes(nets.linear([1.0, 2.0]))
    assert "takes no pictures" in run.fails(tmp_path / "rows.onnx", data)
    assert "There is no" in run.fails(model, tmp_path / "nowhere")
    assert "has no folders with pictures" in run.fails(model, data / "red")
    assert "There is no" in run.fails(
        colours(tmp_path / "e.onnx", embedding=True), data, "--gallery", "nowhere"
    )
    assert "There are 2 labels for 3 classes" in run.fails(model, data, "--labels", "a,b")
    assert "takes RGB pictures, not GRAY" in run.fails(model, data, "--channels", "GRAY")
    assert "hold one value, or one a channel" in run.fails(model, data, "--mean", "1,2")
    np.savez(tmp_path / "half.npz", x=np.zeros((1, 8, 8), np.uint8))
    assert "lacks votes, columns; it has x." in run.fails(model, tmp_path / "half.npz")
    other = paint(tmp_path / "other", {"red": [RED], "scarf": [BLUE]})
    said = run.fails(model, other)
    assert "No label of the model matches scarf." in said
    assert "classes: red, scarf." in said
    assert "labels: red, green, blue." in said
    (tmp_path / "broken" / "red").mkdir(parents=True)
    (tmp_path / "broken" / "red" / "1.png").write_bytes(b"?")
    assert "None of the 1 pictures" in run.fails(model, tmp_path / "broken")


@pytest.mark.parametrize(
    "options",
    [
        ("--limit", "0"), ("--limit", "x"), ("--seed", "-1"), ("--mean", "a"), ("--scale", "1/0"),
        ("--unsure-below", "2"), ("--unsure-below", "nan"), ("--channels", "XYZ"), (),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(options: tuple[str, ...], capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["m.onnx", *(("data", *options) if options else ())])
    assert ended.value.code == 2
    assert "usage: python -m training.evaluate" in capsys.readouterr().err


def test_values_that_are_no_numbers_are_not_averaged_away(run: Ran, tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED], "blue": [BLUE]})
    said = run.fails(colours(tmp_path / "m.onnx"), data, "--scale", "1e36")
    assert "has values that are no numbers" in said


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "python -m training.evaluate products.onnx photos/test --gallery photos/train" in shown
    assert "--scale 1/127.5" in shown


FORBIDDING = """
import runpy, sys
class Refused:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "torch":
            sys.exit("torch was asked for")
sys.meta_path.insert(0, Refused())
sys.argv = ["evaluate", *sys.argv[1:]]
runpy.run_module("training.evaluate", run_name="__main__")
"""


def test_nobody_asks_for_pytorch(tmp_path: Path) -> None:
    data = paint(tmp_path / "data", {"red": [RED, RED], "blue": [BLUE]})
    model = colours(tmp_path / "m.onnx", embedding=True)
    ran = subprocess.run(
        [sys.executable, "-c", FORBIDDING, str(model), str(data), "--gallery", str(data), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert json.loads(ran.stdout)["classification"]["accuracy"] == 1
