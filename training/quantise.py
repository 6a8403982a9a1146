"""A network in eight bits: a scale a channel for weights, one a tensor for what flows between them.

Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
CVPR 2018; done by ONNX Runtime's own tool.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

BATCH = 32


class _Pictures(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, pictures: Floats) -> None:
        size = min(BATCH, len(pictures))  # all alike, or their histograms cannot be put together
        whole = pictures[: len(pictures) // size * size]
        self._batches: Iterator[Floats] = iter(whole.reshape(-1, size, *pictures.shape[1:]))
        self._name = name

    def get_next(self) -> dict[str, Floats] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def quantised(model: onnx.ModelProto, pictures: Floats) -> onnx.ModelProto:
    """The same graph with 8-bit convolutions and layers; metadata stay.

    `pictures` `[n, …]`, as the graph takes them, show what range the values between the layers have.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, small = (Path(folder) / f"{name}.onnx" for name in ("plain", "ready", "small"))
        onnx.save(model, plain)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            small,
            _Pictures(model.graph.input[0].name, pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "Add", "Relu", "GlobalAveragePool"],
            per_channel=True,
            reduce_range=True,  # processors without VNNI add products in 16 bits, which else overflow
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.99},
        )
        made = onnx.load(small)
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    return made
