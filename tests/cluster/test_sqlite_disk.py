"""What befalls the file that rows are kept in."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feria.cluster.rows import Row
from feria.cluster.sqlite_disk import FILE, first_beyond, locked, open_disk, open_reading
from feria.errors import Conflict, Corrupt, DiskFull, Unavailable


def fill(file: Path, rows: int) -> None:
    disk = open_disk(file)
    for seq in range(1, rows + 1):
        disk.keep(Row(f"k{seq:05}", os.urandom(500), 1, 0, 1, seq), seq)
    disk.commit()
    disk.close()


def test_what_was_committed_is_there_after_another_start(tmp_path: Path) -> None:
    fill(tmp_path / FILE, 10)
    disk = open_disk(tmp_path / FILE)
    assert disk.counts() == (10, 0)
    assert disk.last_place() == 10
    disk.close()


def test_who_reads_sees_each_commit_and_nothing_before_it(tmp_path: Path) -> None:
    disk = open_disk(tmp_path / FILE)
    reading = open_reading(tmp_path / FILE)
    disk.keep(Row("a", b"1", 1, 0, 1, 1), 1)
    assert reading.row("a") is None
    disk.commit()
    assert reading.placed("a") == (1, Row("a", b"1", 1, 0, 1, 1))
    reading.close()
    disk.close()


def test_a_damaged_file_is_refused_in_words_that_help(tmp_path: Path) -> None:
    file = tmp_path / FILE
    fill(file, 400)
    with file.open("r+b") as content:
        content.seek(8192)
        content.write(os.urandom(40_000))
    with pytest.raises(Corrupt, match="feria doctor"):
        open_disk(file)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(Corrupt):
        open_disk(tmp_path / FILE)


def test_a_file_of_a_newer_feria_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path / FILE, 1)
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Unavailable, match="newer feria"):
        open_disk(tmp_path / FILE)


def test_a_full_disk_says_so_and_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    fill(tmp_path / FILE, 10)
    disk = open_disk(tmp_path / FILE)
    disk._connection.execute("PRAGMA max_page_count = 1")  # as many as there are
    with pytest.raises(DiskFull):
        for seq in range(11, 500):
            disk.keep(Row(f"k{seq:05}", os.urandom(500), 1, 0, 1, seq), seq)
    disk.rollback()
    assert disk.counts() == (10, 0)
    disk.close()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    ask = f"""
from pathlib import Path
from feria.cluster.sqlite_disk import locked
from feria.errors import Conflict
try:
    with locked(Path({str(tmp_path)!r})):
        print("open")
except Conflict as error:
    print(error)
"""

    def tried() -> str:
        return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    with locked(tmp_path):
        assert "home of its own" in tried()
        with pytest.raises(Conflict), locked(tmp_path):
            pass
    assert tried() == "open\n"


@given(prefix=st.text(min_size=1, max_size=4), rest=st.text(max_size=4))
def test_the_range_of_a_prefix_holds_all_that_begin_so_and_no_other(prefix: str, rest: str) -> None:
    end = first_beyond(prefix)
    assert prefix <= prefix + rest
    if end is not None:
        assert prefix + rest < end
        assert not end.startswith(prefix)
