"""The scripts run, in a short form that writes nothing; and processes end that they started."""

import subprocess
import sys
from pathlib import Path

import pytest
from bench.contenders import Lines, Served
from bench.processes import Failed, Tree, free_port, running

from bench import open_load

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the benchmarks read /proc")

ROOT = Path(__file__).parents[2]
ECHO = """
import sys, http.server
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self): self.answer(200)
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer(int(self.path[1:4]))
    def answer(self, status):
        self.send_response(status)
        if self.path == "/503": self.send_header("Retry-After", "1")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


def test_a_quick_round_measures_all_contenders_and_writes_nothing() -> None:
    written = [ROOT / "bench" / "results.json", ROOT / "docs" / "benchmarks.md"]
    before = [path.read_bytes() if path.exists() else None for path in written]
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "row_predict", "single_row"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for contender in ("feria", "bare ASGI", "FastAPI + scikit-learn", "One row in this process"):
        assert contender in done.stdout
    assert "row-predict beside the same route in bare ASGI" in done.stdout
    assert [path.read_bytes() if path.exists() else None for path in written] == before


def test_the_client_counts_what_a_server_answered(tmp_path: Path) -> None:
    port = free_port()
    with running([sys.executable, "-c", ECHO, str(port)], tmp_path / "echo.log") as process:
        process.until_answers(f"http://127.0.0.1:{port}/")
        with Lines("bench.load") as client:
            found = Served("echo", client, process, port, "/200", [b"a", b"bb"]).measure(3, 0.2)
            assert found.rate > 10
            assert 0 < found.p50 <= found.p99
            assert found.rss > 1
            assert 0 < found.client <= 1.5
            with pytest.raises(Failed, match=r"HTTP/1\.1 503"):
                Served("echo", client, process, port, "/503", [b"a"]).measure(1, 0.2)
    assert Tree(process.pid).alive() == []


def test_a_server_that_does_not_start_shows_what_it_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no luck today')"]
    with running(command, tmp_path / "s.log") as process, pytest.raises(Failed, match="no luck today"):
        process.until_answers("http://127.0.0.1:9/")


def test_children_end_with_the_server_that_started_them(tmp_path: Path) -> None:
    child = (
        "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(1, flush=True); time.sleep(600)"
    )
    parent = (
        "import subprocess, sys, http.server\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
    ) + ECHO
    port = free_port()
    with running([sys.executable, "-c", parent, str(port)], tmp_path / "p.log") as process:
        process.until_answers(f"http://127.0.0.1:{port}/")
        tree = Tree(process.pid)
        assert len(tree.alive()) == 2
    assert tree.alive() == []


def test_an_open_loop_asks_on_and_tells_refusals_from_failures(tmp_path: Path) -> None:
    port = free_port()
    with (
        running([sys.executable, "-c", ECHO, str(port)], tmp_path / "echo.log") as process,
        Lines("bench.open_load") as client,
    ):
        process.until_answers(f"http://127.0.0.1:{port}/")

        def asked(path: str) -> open_load.Answer:
            order = open_load.Order(port, path, {}, [b"a"], 100.0, 0.5, 0.1, process.pid, connections=32)
            answer: open_load.Answer = client.ask(order, open_load.Answer, 30)
            return answer

        fine, busy, rude = asked("/200"), asked("/503"), asked("/503-without-retry-after")
        assert fine.accepted.count > 20
        assert (fine.refused.count, fine.failed) == (0, 0)
        assert 0 < fine.accepted.p50 <= fine.accepted.p99
        assert busy.refused.count == fine.accepted.count  # the schedule is the same whatever the answers
        assert (busy.accepted.count, busy.failed) == (0, 0)
        assert rude.failed >= fine.accepted.count
        assert "503" in rude.failure
