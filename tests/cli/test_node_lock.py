"""One node a home, whatever becomes of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feria.cli.node_lock import Holder, NodeLock, Reach, take
from feria.errors import Invalid

HOLD = """
import sys
from pathlib import Path
from feria.cli.node_lock import Reach, take
lock = take(Path(sys.argv[1]))
if sys.argv[2:]:
    lock.tell(Reach(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(home: Path, *url: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), *url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        close_fds=False,  # what it inherits is then for the lock itself to see to
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def held(home: Path) -> NodeLock:
    found = take(home)
    assert isinstance(found, NodeLock)
    return found


def test_a_home_is_taken_once_and_free_again_after(tmp_path: Path) -> None:
    home = tmp_path / "a" / "new" / "home"
    with held(home):
        assert take(home) == Holder(os.getpid(), None)
    with held(home):
        pass


def test_a_new_home_is_nobody_elses_to_read(tmp_path: Path) -> None:
    with held(tmp_path / "home") as lock:
        lock.tell(Reach("http://127.0.0.1:8000", token="the way in"))
        modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "home", tmp_path / "home" / "node.lock")]
    assert modes == [0o700, 0o600]


def test_others_learn_where_the_node_answers(tmp_path: Path) -> None:
    with held(tmp_path) as lock:
        lock.tell(Reach("http://127.0.0.1:8000"))
        assert take(tmp_path) == Holder(os.getpid(), Reach("http://127.0.0.1:8000"))
        lock.tell(Reach("http://[::1]:1"))
        assert take(tmp_path) == Holder(os.getpid(), Reach("http://[::1]:1"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_holder_leaves_the_home_free(tmp_path: Path, number: int) -> None:
    with hold(tmp_path, "http://127.0.0.1:8000") as process:
        assert take(tmp_path) == Holder(process.pid, Reach("http://127.0.0.1:8000"))
        process.send_signal(number)
        process.wait()
    with held(tmp_path):
        assert take(tmp_path) == Holder(os.getpid(), None)  # nothing of the dead one's is left


def test_a_lock_file_without_content_is_somebody_starting(tmp_path: Path) -> None:
    with held(tmp_path):
        os.truncate(tmp_path / "node.lock", 0)
        assert take(tmp_path) == Holder(None, None)


def test_a_home_that_cannot_be_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Invalid, match="cannot be used"):
        take(file / "home")


def test_a_process_started_meanwhile_does_not_keep_the_home(tmp_path: Path) -> None:
    lock = held(tmp_path)
    with hold(tmp_path / "elsewhere") as child:  # it has long been running when the lock goes
        lock.release()
        with held(tmp_path):
            child.kill()
