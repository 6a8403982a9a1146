"""Whatever the API's own description allows, and much that it does not, is answered without a 500."""

import subprocess
import sys
from pathlib import Path

import httpx

import nets
from cli.running import Feria, environment

WAITS = ("--exclude-operation-id=read_key", "--exclude-operation-id=list_keys")
"""They may answer when something happens, and so never: cluster/test_kv_connections.py throws at these."""
CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance"


def test_the_whole_api_holds_what_its_description_says(tmp_path: Path) -> None:
    with Feria(tmp_path / "home", tmp_path).node() as node:
        for name, net in {"0": nets.linear([1.0, 2.0]), "products": nets.mean_colour()}.items():
            httpx.post(f"{node.url}/v1/models/{name}", files={"file": net}, timeout=300).raise_for_status()
        fuzzed = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis",
                "run",
                f"{node.url}/openapi.json",
                f"--checks={CHECKS}",
                "--max-examples=10",
                "--phases=examples,coverage,fuzzing",
                "--generation-deterministic",
                "--request-timeout=300",
                "--no-color",
                *WAITS,
            ],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert fuzzed.returncode == 0, fuzzed.stdout + fuzzed.stderr
        assert httpx.get(f"{node.url}/livez", timeout=300).json() == {"status": "live"}
        code, said = node.stop()
        assert code == 0
        assert "Traceback" not in said
