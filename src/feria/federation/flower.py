"""All that feria touches of Flower beyond its public interface, written for flwr 1.41.

Public and used everywhere: `flwr.app`, `flwr.clientapp`, `flwr.serverapp` and its strategies. What stands
here is private or half so; `tests/contracts/test_flower.py` holds each against the flwr that is installed.

Only the process that runs a job imports this, for flwr takes seconds and a hundred megabytes.
"""

import copy
import gc
import io
import logging
import os
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, Metadata, MetricRecord, RecordDict
from flwr.common import NDArray
from flwr.common.constant import SType
from flwr.common.serde import (
    context_from_proto,
    context_to_proto,
    message_from_proto,
    message_to_proto,
    recorddict_from_proto,
    recorddict_to_proto,
)
from flwr.proto.message_pb2 import Context as ContextProto
from flwr.proto.message_pb2 import Message as MessageProto
from flwr.proto.node_pb2 import NodeInfo
from flwr.proto.recorddict_pb2 import RecordDict as RecordDictProto
from flwr.serverapp import ServerApp
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

Records = ArrayRecord | MetricRecord | ConfigRecord
Record = TypeVar("Record", ArrayRecord, MetricRecord, ConfigRecord)

SERVER_NODE = 1
"""Node id of the server's side, as in Flower's own grids."""
CLIENT_APP_RAISED, NODE_UNAVAILABLE, CLIENT_APP_CRASHED = 2, 5, 8
"""Of `flwr.common.constant.ErrorCode`."""


def prepare(home: Path, run_id: int) -> None:
    """Once in a process, before its first message: whose messages these are, and where Flower may write.

    The identity belongs to the process, so one process runs one job.
    """
    os.environ["FLWR_HOME"] = str(home)
    logging.getLogger("flwr").setLevel(logging.ERROR)  # a strategy writes some ten lines a round
    if not gc.get_freeze_count():
        gc.freeze()  # Bulyan collects garbage after every client: it need not go through all that is imported
    TaskIdentity.task_id = 1
    TaskIdentity.run_id = run_id
    TaskIdentity.node_id = SERVER_NODE


def address(message: Message, message_id: str) -> None:
    """Give a message the id under which its reply is asked for."""
    message.metadata.__dict__["_message_id"] = message_id


def received(reply: Message, asked: Metadata) -> Message:
    """Whatever a client wrote on its reply, it is its own, and to this message."""
    reply.metadata.__dict__.update(_src_node_id=asked.dst_node_id, _reply_to_message_id=asked.message_id)
    if reply.has_content():
        for _, record in of_kind(reply.content, ArrayRecord):
            for key, array in record.items():
                _put(record, key, QuickArray.of(array))
    return reply


def handed_out(message: Message) -> Message:
    """The message with records of its own: what a client does to them, no other client sees.

    The bytes of its arrays are not copied, for nothing can change them.
    """
    content = message.content.copy()
    for name, record in message.content.items():
        own = record.copy()
        for key, value in record.items():
            if isinstance(value, Array):
                _put(own, key, QuickArray.of(value))
            elif isinstance(value, list):
                _put(own, key, value.copy())
        _put(content, name, own)
    return Message(metadata=copy.copy(message.metadata), content=content)  # type: ignore[call-overload, no-any-return]


def _put(records: RecordDict | Records, key: str, value: object) -> None:
    """Put what is known to be right; `records[key] = value` checks it at ten times the cost."""
    records.__dict__["_data"][key] = value


def of_kind(content: RecordDict, kind: type[Record]) -> list[tuple[str, Record]]:
    """What `content.array_records` and its like hold, which make a checked dictionary at every call."""
    return [(name, record) for name, record in content.items() if isinstance(record, kind)]


class QuickArray(Array):
    """An array that is read in a tenth of the time: numpy parses the header of a `.npy` by compiling it, and
    the headers of ten thousand clients are the same."""

    @classmethod
    def of(cls, array: Array) -> "QuickArray":
        quick = cls.__new__(cls)
        quick.__dict__.update(array.__dict__)
        return quick

    def numpy(self) -> NDArray:
        head = npy_head(self.data)
        if self.stype != SType.NUMPY or (known := _parsed(head)) is None:
            return super().numpy()
        dtype, shape, order = known
        values = np.frombuffer(self.data, dtype, offset=len(head))
        return values.reshape(shape, order=order).copy(order)


def npy_head(data: bytes) -> bytes:
    """Magic, version, length and header of a `.npy` file (NEP 1); less, where it is none."""
    wide = data[6:7] > b"\x01"
    length = int.from_bytes(data[8:12] if wide else data[8:10], "little")
    return data[: (12 if wide else 10) + length]


@lru_cache(256)
def _parsed(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]] | None:
    """None for what is left to numpy: newer versions of the format, objects, and what is none of it."""
    file = io.BytesIO(head)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            return None
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError:
        return None
    return None if dtype.hasobject else (dtype, shape, "F" if fortran else "C")


def has_main(app: ServerApp) -> bool:
    """Whether it is a program of its own; the older form is a strategy that Flower runs in threads."""
    return app._main is not None


def bundle(folder: Path) -> bytes:
    """A Flower app's folder as `flwr build` packs it, always to the same bytes. Raises `ValueError`."""
    from flwr.cli.build import build_fab_from_disk  # a second on its own, and a job has no need of it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pathspec's, which is Flower's business
        return build_fab_from_disk(folder)


def empty_run(run_id: int) -> Run:
    return Run.create_empty(run_id)


def node_infos(names: Iterable[tuple[int, str]]) -> Iterable[NodeInfo]:
    return (NodeInfo(node_id=node_id, name=name, status="online") for node_id, name in names)


# ------------------------------------------------------------------- protobuf, never pickle
def pack(message: Message, context: Context) -> tuple[bytes, bytes]:
    return message_to_proto(message).SerializeToString(), context_to_proto(context).SerializeToString()


def unpack(message: bytes, context: bytes) -> tuple[Message, Context]:
    """Raises `google.protobuf.message.DecodeError` for what no `pack` has made."""
    return (
        message_from_proto(MessageProto.FromString(message)),
        context_from_proto(ContextProto.FromString(context)),
    )


def pack_records(records: RecordDict) -> bytes:
    return bytes(recorddict_to_proto(records).SerializeToString())


def unpack_records(packed: bytes) -> RecordDict:
    return recorddict_from_proto(RecordDictProto.FromString(packed))
