"""Whatever stands in `node.lock`: who looks finds another process, and a way to it or none."""

import fcntl
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feria.cli.node_lock import WIDTH, Holder, Reach, take

WORDS = st.text(max_size=40)
REACHES = st.none() | st.builds(Reach, url=WORDS, token=st.none() | WORDS, certificate=st.none() | WORDS)
LIKE_IT = st.sampled_from(
    [b"{", b"}", b'"pid": 1', b'"reach": ', b"null", b",", b"[", b'"url"', b"[" * WIDTH]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(LIKE_IT | st.binary(max_size=20), max_size=8).map(b"".join))
def test_any_bytes_there_are_a_process_of_which_little_is_known(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "node.lock"
    path.write_bytes(said)
    held = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert isinstance(take(tmp_path), Holder)
    finally:
        os.close(held)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reach=REACHES)
def test_what_a_node_tells_is_what_a_command_finds(tmp_path: Path, reach: Reach | None) -> None:
    lock = take(tmp_path)
    assert not isinstance(lock, Holder)
    with lock:
        if reach is not None:
            lock.tell(reach)
        assert take(tmp_path) == Holder(os.getpid(), reach)
