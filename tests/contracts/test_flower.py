"""What `federation/flower.py` takes for granted about the flwr that is installed.

A new flwr that fails one of these breaks the embedded engine in the way the test's name says; those that
pass are safe.
"""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid, ServerApp, strategy
from flwr.supercore.task_identity import TaskIdentity
from hypothesis import given
from hypothesis.extra import numpy as arrays_of
from numpy.lib import format as npy

from feria.federation import flower
from feria.federation.guard import make
from feria.federation.strategies import STRATEGIES, StrategyKind
from feria.federation.watch import PassingGrid

FAR = 2**64 - 3
"""A node id that no signed integer holds."""


@pytest.fixture(autouse=True)
def _prepared(tmp_path: Path) -> None:
    flower.prepare(tmp_path, run_id=5)


def _message() -> Message:
    content = RecordDict(
        {
            "arrays": ArrayRecord([np.arange(3.0)]),
            "config": ConfigRecord({"sizes": [1, 2]}),
            "metrics": MetricRecord({"loss": [0.5]}),
        }
    )
    return Message(content, dst_node_id=FAR, message_type="train")


def _said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_telemetry_and_the_update_check_are_off_and_nothing_is_written_at_home(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from feria.federation import flower
flower.prepare(Path({str(tmp_path)!r}), 1)
from flwr.supercore import telemetry, update_check, utils
import os
print(telemetry.FLWR_TELEMETRY_ENABLED, os.environ["FLWR_DISABLE_UPDATE_CHECK"], utils.get_flwr_home())
"""
    assert _said(code) == f"0 1 {tmp_path}"


def test_neither_the_node_nor_the_command_line_nor_the_sdk_imports_flower() -> None:
    code = "import sys, feria.app, feria.node, feria.cli, feria.client; print('flwr' in sys.modules)"
    assert _said(code) == "False"


def test_a_message_takes_its_run_and_sender_from_the_process() -> None:
    assert (TaskIdentity.run_id, TaskIdentity.node_id) == (5, flower.SERVER_NODE)
    assert _message().metadata.run_id == 5


def test_a_message_that_was_addressed_is_what_its_reply_answers() -> None:
    message = _message()
    flower.address(message, "17")
    assert message.metadata.message_id == "17"
    assert Message(RecordDict(), reply_to=message).metadata.reply_to_message_id == "17"


def test_a_reply_is_its_clients_whatever_it_says() -> None:
    asked, other = _message(), _message()
    flower.address(asked, "1")
    flower.address(other, "2")
    other.metadata.dst_node_id = 99
    reply = flower.received(Message(RecordDict(), reply_to=other), asked.metadata)
    assert (reply.metadata.src_node_id, reply.metadata.reply_to_message_id) == (FAR, "1")


def test_what_a_client_does_to_its_records_nobody_else_sees() -> None:
    message = _message()
    mine = flower.handed_out(message)
    arrays, config, metrics = mine.content["arrays"], mine.content["config"], mine.content["metrics"]
    assert isinstance(arrays, ArrayRecord)
    arrays["0"].data = b""
    arrays["1"] = Array(np.zeros(1))
    config["sizes"].append(3)  # type: ignore[union-attr]
    metrics["loss"].append(1.0)  # type: ignore[union-attr]
    mine.content["more"] = ConfigRecord()
    mine.metadata.dst_node_id = 1
    assert message.metadata.dst_node_id == FAR
    assert list(message.content) == ["arrays", "config", "metrics"]
    assert message.content["config"] == {"sizes": [1, 2]}
    assert message.content["metrics"] == {"loss": [0.5]}
    (array,) = message.content["arrays"].values()
    assert array.numpy().tolist() == [0, 1, 2]  # type: ignore[union-attr]


@given(arrays_of.arrays(arrays_of.scalar_dtypes(), arrays_of.array_shapes(min_dims=0, min_side=0)))
def test_an_array_read_quickly_is_what_numpy_reads(values: np.ndarray) -> None:  # type: ignore[type-arg]
    for laid_out in (values, np.asfortranarray(values)):
        array = Array(laid_out)
        quick, slow = flower.QuickArray.of(array).numpy(), array.numpy()
        assert (quick.dtype, quick.shape, quick.tobytes()) == (slow.dtype, slow.shape, slow.tobytes())
        assert quick.flags.writeable


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"no array at all", b"\x93NUMPY\x01\x00\xff\xff{"])
def test_bytes_that_are_no_array_are_refused_as_numpy_refuses_them(data: bytes) -> None:
    with pytest.raises((ValueError, EOFError)):
        flower.QuickArray("float64", (3,), "numpy.ndarray", data).numpy()


def test_the_second_version_of_the_format_is_read_by_numpy(tmp_path: Path) -> None:
    with open(tmp_path / "wide.npy", "wb") as file:
        npy.write_array(file, np.arange(4), version=(2, 0))
    data = (tmp_path / "wide.npy").read_bytes()
    assert flower.npy_head(data).endswith(b"\n")
    assert flower.QuickArray("int64", (4,), "numpy.ndarray", data).numpy().tolist() == [0, 1, 2, 3]


def test_messages_memories_and_errors_cross_as_protobuf() -> None:
    memory = RecordDict({"step": ArrayRecord([np.ones(2)])})
    context = Context(5, FAR, {"name": "Panadería"}, memory, {})
    message, again = flower.unpack(*flower.pack(_message(), context))
    assert message.content == _message().content
    assert (again.node_id, again.node_config, again.state) == (FAR, {"name": "Panadería"}, memory)
    failed, _ = flower.unpack(*flower.pack(Message(Error(2, "no"), reply_to=_message()), context))
    assert (failed.error.code, failed.error.reason) == (2, "no")
    assert flower.unpack_records(flower.pack_records(memory)) == memory


def test_the_codes_of_errors_are_flowers() -> None:
    assert flower.CLIENT_APP_RAISED == ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    assert flower.NODE_UNAVAILABLE == ErrorCode.NODE_UNAVAILABLE
    assert flower.CLIENT_APP_CRASHED == ErrorCode.CLIENT_APP_CRASHED


def test_a_run_and_its_nodes_can_be_described() -> None:
    assert flower.empty_run(5).run_id == 5
    (node,) = flower.node_infos([(FAR, "Hospital Barcelona")])
    assert (node.node_id, node.name, node.status) == (FAR, "Hospital Barcelona", "online")


def test_a_grid_has_no_more_to_implement_than_we_do() -> None:
    ours = {name for name in vars(PassingGrid) if not name.startswith("_")}
    assert Grid.__abstractmethods__ <= ours


def test_an_app_is_called_with_a_message_and_a_context() -> None:
    app = ClientApp()
    app.train()(lambda message, context: Message(RecordDict(), reply_to=message))
    reply = app(_message(), Context(5, FAR, {}, RecordDict(), {}))
    assert reply.has_content()


@pytest.mark.parametrize("kind", STRATEGIES.values(), ids=list(STRATEGIES))
def test_flower_has_the_strategy_and_its_settings(kind: StrategyKind) -> None:
    made = make(kind, kind.choose({}))
    assert type(made) is getattr(strategy, kind.flower)
    for name, value in kind.choose({}).model_dump().items():
        assert getattr(made, name) == value


def test_a_folder_is_bundled_always_to_the_same_bytes() -> None:
    folder = Path(__file__).parents[1] / "small_app"
    packed = flower.bundle(folder)
    assert packed == flower.bundle(folder)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert "small_app/server_app.py" in archive.namelist()
    with pytest.raises(ValueError, match="pyproject"):
        flower.bundle(folder / "small_app")


def test_an_app_with_a_main_is_told_from_the_older_form() -> None:
    newer, older = ServerApp(), ServerApp(server_fn=lambda context: None)  # type: ignore[arg-type, return-value]
    newer.main()(lambda grid, context: None)
    assert flower.has_main(newer)
    assert not flower.has_main(older)
