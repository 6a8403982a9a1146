"""`feria doctor`: says what is wrong and what to do, and is never at a loss."""

import asyncio
import json
import socket
from typing import Any

import pytest

from cli.certificates import self_signed
from cli.running import Feria
from client.small_models import doubling
from feria import Client
from servers import fresh_database


def findings(feria: Feria, *, code: int, **more: str) -> dict[str, list[dict[str, Any]]]:
    said = json.loads(feria("doctor", "--json", code=code, FERIA_WEB__PORT="0", **more).out)
    assert said["ok"] is (code == 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in said["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


def failures(feria: Feria, **more: str) -> dict[str, str]:
    return {
        check: one["sentence"]
        for check, those in findings(feria, code=1, **more).items()
        for one in those
        if one["verdict"] == "fail"
    }


def test_a_home_that_is_not_there_yet_is_well_and_stays_away(feria: Feria) -> None:
    said = feria("doctor", FERIA_WEB__PORT="0").out.splitlines()
    assert all(line.startswith(("ok ", "warn ")) for line in said)
    assert [line.split()[1] for line in said if "first start makes it" in line] == ["home", "database"]
    assert not feria.home.exists()


def test_beside_a_node_that_is_well_all_is_well(feria: Feria) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            client.publish("doubling", doubling())
        found = findings(feria, code=0)
        assert node.url in found["port"][0]["sentence"]
        assert found["node"] == [{"check": "node", "verdict": "ok", "sentence": "The node is ready."}]
        assert found["models"][0]["sentence"].startswith("All 1 model files are there")
        assert node.stop() == (0, "")


@pytest.mark.parametrize(("harm", "said"), [("damage", "is damaged"), ("remove", "is gone")])
def test_a_model_file_that_will_not_do_is_named(feria: Feria, harm: str, said: str) -> None:
    with feria.node() as node:
        with Client(node.url) as client:
            digest = client.publish("doubling", doubling()).digest
        node.stop()
    file = feria.home / "blobs" / digest[:2] / digest
    if harm == "damage":
        file.write_bytes(b"not what it was")
    else:
        file.unlink()
    assert failures(feria).keys() == {"models"}
    assert f"The file of doubling@1 {said}" in failures(feria)["models"]


def test_a_damaged_database_is_a_finding_and_no_traceback(feria: Feria) -> None:
    feria("models", "list")
    file = feria.home / "feria.db"
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 8192)
    said = failures(feria)
    assert "cannot be read" in said["database"]
    assert "back-up-a-home" in said["database"]
    assert said["models"]


def test_what_is_in_the_way_of_a_start_is_said(feria: Feria) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.listen(0)
        port = other.getsockname()[1]
        said = json.loads(feria("doctor", "--json", code=1, FERIA_WEB__PORT=str(port)).out)["findings"]
    (taken,) = [one["sentence"] for one in said if one["verdict"] == "fail"]
    assert f"Port {port} on 127.0.0.1 is taken" in taken
    exposed = failures(feria, FERIA_WEB__HOST="0.0.0.0", FERIA_EVENTS__URL="redis://127.0.0.1:9")
    assert "--tls-cert" in exposed["exposure"]
    assert "feria tokens create" in exposed["tokens"]
    assert "Redis does not answer" in exposed["redis"]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
async def test_a_server_without_our_tables_wants_a_migration(feria: Feria, kind: str) -> None:
    async with fresh_database(kind) as settings:
        assert settings.url
        url = {"FERIA_STORAGE__URL": settings.url}
        said = await asyncio.to_thread(failures, feria, **url)
        assert said.keys() == {"database"}
        assert "Run `feria migrate`" in said["database"]
        await asyncio.to_thread(feria, "migrate", **url)
        found = await asyncio.to_thread(findings, feria, code=0, **url)
        assert found["clock"][0]["sentence"] == "This clock and the database server's agree."


def test_a_database_that_is_away_fails_in_a_sentence(feria: Feria) -> None:
    said = failures(feria, FERIA_STORAGE__URL="postgresql://nobody@127.0.0.1:9/x")
    assert {"database", "clock", "models"} <= said.keys()
    assert "cannot be reached" in said["database"]


@pytest.mark.parametrize(("days", "verdict", "said"), [(1, "warn", "Renew it"), (-1, "fail", "expired")])
def test_a_certificate_that_ends_soon_is_to_be_renewed(
    feria: Feria, days: int, verdict: str, said: str
) -> None:
    files = self_signed(feria.folder, days=days)
    found = findings(
        feria,
        code=1 if verdict == "fail" else 0,
        FERIA_WEB__TLS_CERTIFICATE=str(files.certificate),
        FERIA_WEB__TLS_KEY=str(files.key),
    )
    (about,) = found["exposure"]
    assert about["verdict"] == verdict
    assert said in about["sentence"]
