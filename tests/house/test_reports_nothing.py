"""Libraries that would report to their makers do not, in a process of feria's."""

import subprocess
import sys
from pathlib import Path

import onnxruntime


def test_onnx_runtime_is_told_before_it_is_loaded() -> None:
    program = "import feria, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={})
    assert done.stdout == "1\n"


def test_onnx_runtime_still_listens_to_that_word() -> None:
    libraries = (Path(onnxruntime.__file__).parent / "capi").glob("onnxruntime_pybind11_state*")
    assert any(b"ORT_DISABLE_TELEMETRY" in library.read_bytes() for library in libraries)
