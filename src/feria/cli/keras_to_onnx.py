"""A Keras file as an ONNX file: a script for a Python that has TensorFlow and tf2onnx, and may lack feria.

    python keras_to_onnx.py net.h5 net.onnx

Prints what it found as one line of JSON, or `{"error": sentence}`.
"""

import contextlib
import json
import os
import sys
from typing import Any

OPSET = 17


def convert(source: str, target: str) -> dict[str, Any]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
        import onnx
        import tensorflow
        import tf2onnx
    except ImportError as error:
        return {"error": f"This Python lacks {error.name}.", "missing": error.name}
    assert tensorflow  # Keras exports with these two
    assert tf2onnx
    try:
        # Neither its optimizer nor its losses are wanted, and code that lies in the file is not run.
        model = keras.models.load_model(source, compile=False, safe_mode=True)
        shapes = model.input_shape if isinstance(model.input_shape, list) else [model.input_shape]
        if len(shapes) != 1:
            return {"error": f"The network has {len(shapes)} inputs; only those with one can be converted."}
        wanted = [keras.InputSpec(shape=(None, *shapes[0][1:]), dtype="float32", name="input")]
        model.export(target, format="onnx", verbose=False, input_signature=wanted, opset_version=OPSET)
        (output,) = onnx.load(target).graph.output
    except Exception as error:  # what a broken file does to Keras has no end
        return {
            "error": f"{type(error).__name__}: {(str(error).strip() or 'no reason').splitlines()[0][:300]}"
        }
    return {
        "input": list(shapes[0]),
        "output": [dimension.dim_value for dimension in output.type.tensor_type.shape.dim],
        "parameters": model.count_params(),
        "keras": keras.__version__,
    }


if __name__ == "__main__":
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        told = convert(sys.argv[1], sys.argv[2])
    print(json.dumps(told), file=answers)
