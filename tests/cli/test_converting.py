"""A Keras file becomes one that a node serves."""

import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from cli.running import Feria

TOOLS = Path(__file__).parents[2] / ".venv-keras" / "bin" / "python"
LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.fixture(scope="session")
def converter() -> Path:
    """A Python with TensorFlow: `$FERIA_TEST_KERAS`, or that of `make test-tools`. Skips without either."""
    named = Path(os.environ.get("FERIA_TEST_KERAS", TOOLS))
    if not named.exists():
        pytest.skip(f"no {named}: `make test-tools` makes a Python with TensorFlow")
    return named


def test_a_network_of_keras_2_is_converted_and_reads_expressions(
    feria: Feria, shared_data: Path, converter: Path, tmp_path: Path
) -> None:
    source = shared_data / "models/emotion/fer2013_mini_XCEPTION.102-0.66.hdf5"
    made = tmp_path / "mini.onnx"
    done = feria("models", "convert", str(source), "--out", str(made), "--python", str(converter))
    assert "input 64×64×1, 7 outputs, 58,423 parameters" in done.out
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    feria(
        "models", "add", str(made), "--name", "emotions", "--labels", str(tmp_path / "labels.txt"),
        "--mean", "127.5", "--scale", "0.00784313",
    )  # fmt: skip
    read = {
        name: feria("emotions", "read", str(shared_data / f"emotion/samples/{name}.jpg"), "--detect").out
        for name in ("happy", "neutral", "surprised")
    }
    for name, expression in (("happy", "happy"), ("neutral", "neutral"), ("surprised", "surprise")):
        assert expression in read[name], read[name]


def test_a_file_of_keras_3_answers_as_it_did(feria: Feria, converter: Path, tmp_path: Path) -> None:
    source, made = tmp_path / "net.keras", tmp_path / "net.onnx"
    program = (
        "import keras, sys\n"
        "net = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation='relu'),"
        "keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D(),"
        "keras.layers.Dense(2, activation='softmax')])\n"
        "net.save(sys.argv[1])\n"
        "import numpy; print(*net(numpy.full((1, 8, 8, 3), 0.5, 'float32')).numpy()[0])"
    )
    run = subprocess.run(
        [str(converter), "-c", program, str(source)], capture_output=True, text=True, check=True
    )
    wanted = [float(number) for number in run.stdout.split()[-2:]]
    feria("models", "convert", str(source), "--python", str(converter))
    session = onnxruntime.InferenceSession(made)
    (found,) = session.run(None, {"input": np.full((1, 8, 8, 3), 0.5, np.float32)})
    assert found[0] == pytest.approx(wanted, abs=1e-5)
    assert "--force" in feria.refused("models", "convert", str(source), "--python", str(converter))


def test_a_file_that_keras_cannot_read_leaves_nothing(feria: Feria, converter: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"no network")
    said = feria.refused("models", "convert", str(bad), "--python", str(converter))
    assert "cannot be converted" in said
    assert not (tmp_path / "bad.onnx").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [("net.onnx", "no Keras file"), ("missing.h5", "There is no file"), ("there.h5", "cannot be run")],
)
def test_what_cannot_be_converted_is_said(feria: Feria, tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "there.h5").write_bytes(b"x")
    refused = feria.refused(
        "models", "convert", str(tmp_path / name), "--python", str(tmp_path / "no-python")
    )
    assert said in refused


@pytest.mark.skipif(importlib.util.find_spec("keras") is not None, reason="Keras is here")
def test_without_tensorflow_it_is_said_what_to_install(feria: Feria, tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"x")
    said = feria.refused("models", "convert", str(tmp_path / "net.h5"))
    assert "feria[keras]" in said
    assert "--python" in said
