"""`feria kv`."""

import json
import re
import signal
import subprocess

from cli.running import FERIA, Feria, OnTerminal, RunningNode, environment
from feria import Client


def test_a_key_is_written_read_listed_and_deleted(beside: Feria) -> None:
    assert beside("kv", "put", "prices/mug", "12.50").out == "prices/mug is at version 1.\n"
    assert beside("kv", "get", "prices/mug").out == "12.50"
    beside("kv", "put", "prices/cup", stdin="from a pipe")
    assert beside("kv", "get", "prices/cup").out == "from a pipe"
    assert json.loads(beside("kv", "put", "prices/cup", "-", "--json", stdin="ñ").out)["version"] == 2
    listed = beside("kv", "ls", "--prefix", "prices/").out
    assert re.search(r"prices/cup +2 +2 bytes", listed)
    assert re.search(r"prices/mug +1 +5 bytes", listed)
    assert beside("kv", "rm", "prices/mug").out == "prices/mug is deleted; that is version 2.\n"
    assert "was deleted" in beside.refused("kv", "get", "prices/mug")
    assert "prices/mug" not in beside("kv", "ls").out
    assert "no such keys" in beside("kv", "ls", "--prefix", "nothing/").err


def test_conditions_are_held_or_refused(beside: Feria) -> None:
    beside("kv", "put", "one", "1", "--if-version", "0")
    assert "is at version 1, not 0" in beside.refused("kv", "put", "one", "2", "--if-version", "0")
    beside("kv", "put", "one", "2", "--if-version", "1")
    assert "conflict" in beside.refused("kv", "rm", "one", "--if-version", "1")
    beside("kv", "rm", "one", "--if-version", "2")
    assert "invalid" in beside.refused("kv", "put", "a\nkey", "1")
    assert "not both" in beside.refused("kv", "put", "one", "1", "--file", "one")


def test_files_go_there_and_back_whatever_their_size(beside: Feria) -> None:
    for name, size in (("small", 1000), ("large", 3_000_001)):
        content = bytes(n % 251 for n in range(size))
        (beside.folder / name).write_bytes(content)
        beside("kv", "put", f"files/{name}", "--file", name)
        said = beside("kv", "get", f"files/{name}", "--out", f"{name}.back").out
        assert f"{name}.back holds" in said
        assert (beside.folder / f"{name}.back").read_bytes() == content
        piped = subprocess.run(
            f"{FERIA} kv get files/{name} | {FERIA} kv put files/{name}-again && "
            f"{FERIA} kv get files/{name}-again",
            shell=True, cwd=beside.folder, env=environment(FERIA_HOME=str(beside.home)),
            capture_output=True, check=True, timeout=120,
        )  # fmt: skip
        assert piped.stdout.endswith(content)
    assert re.search(r"files/large +1 +2.9 MiB", beside("kv", "ls", "--prefix", "files/").out)
    assert not (beside.folder / "nothing").exists()
    assert "not_found" in beside.refused("kv", "get", "nothing", "--out", "nothing")
    assert not (beside.folder / "nothing").exists()


def test_json_is_for_programs(beside: Feria) -> None:
    beside("kv", "put", "json/a", "1")
    assert json.loads(beside("kv", "get", "json/a", "--json").out) == {
        "key": "json/a", "version": 1, "value": "MQ==",
    }  # fmt: skip
    assert json.loads(beside("kv", "ls", "--prefix", "json/", "--json").out)["keys"] == [
        {"key": "json/a", "version": 1, "size": 1}
    ]
    assert json.loads(beside("kv", "get", "json/a", "--conflicts", "--json").out)["conflicts"] == []
    assert "No value" in beside("kv", "get", "json/a", "--conflicts").err


def test_more_keys_than_are_wanted_are_told_of(shared: tuple[Feria, RunningNode]) -> None:
    beside, node = shared
    with Client(node.url) as client:
        for number in range(5):
            client.kv.put(f"many/{number}", "x")
    said = beside("kv", "ls", "--prefix", "many/", "--limit", "3")
    assert "many/2" in said.out
    assert "many/3" not in said.out
    assert "feria kv ls --after 'many/2'" in said.err
    assert "many/3" in beside("kv", "ls", "--prefix", "many/", "--after", "many/2").out


def test_the_next_version_is_waited_for(beside: Feria) -> None:
    waiting = subprocess.Popen(
        [FERIA, "kv", "get", "awaited", "--beyond", "0", "--seconds", "60"],
        env=environment(FERIA_HOME=str(beside.home)), cwd=beside.folder, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    beside("kv", "put", "awaited", "here")
    assert waiting.communicate(timeout=120)[0] == "here"
    assert "expired" in beside.refused("kv", "get", "awaited", "--beyond", "1", "--seconds", "0.01")
    assert "busy" in beside.refused("kv", "get", "awaited", "--min-version", "2")


def test_a_watch_tells_of_changes_until_it_is_stopped(shared: tuple[Feria, RunningNode]) -> None:
    beside, node = shared
    client = Client(node.url)
    client.kv.put("watched/a", "1")
    watching = subprocess.Popen(
        [FERIA, "kv", "watch", "--prefix", "watched/", "--since", "0"],
        env=environment(FERIA_HOME=str(beside.home)), cwd=beside.folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    assert watching.stdout.readline() == "watched/a  v1  1\n"
    with client:
        client.kv.put("unwatched", "1")
        client.kv.put("watched/b", bytes(2000))
        client.kv.delete("watched/a")
    assert watching.stdout.readline() == "watched/b  v1  2.0 KiB\n"
    assert watching.stdout.readline() == "watched/a  v2  deleted\n"
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=60)
    assert (watching.returncode, "Traceback" in said) == (130, False)


def test_on_a_terminal_text_ends_with_a_line_and_bytes_are_not_spilled(beside: Feria) -> None:
    (beside.folder / "binary").write_bytes(b"\xff\xfe\x00")
    beside("kv", "put", "shown", "text")
    beside("kv", "put", "binary", "--file", "binary")
    with OnTerminal(beside, "kv", "get", "shown") as terminal:
        assert terminal.end() == 0
        assert "text\r\n" in terminal.said
    with OnTerminal(beside, "kv", "get", "binary") as terminal:
        assert terminal.end() == 1
        assert "--out" in terminal.said


def test_without_a_node_the_command_opens_the_home(feria: Feria) -> None:
    feria("kv", "put", "a", "1")
    with feria.node():
        assert feria("kv", "get", "a").out == "1"
        feria("kv", "put", "a", "2")
    assert feria("kv", "get", "a").out == "2"


def test_roles_are_held(feria: Feria) -> None:
    tokens = {
        role: feria("tokens", "create", role, "--role", role).out.strip()
        for role in ("client", "viewer", "operator", "admin")
    }
    with feria.node(FERIA_ACCESS__LOCKED="true") as node:

        def as_(role: str, *words: str, code: int = 0) -> str:
            said = feria("kv", *words, "--url", node.url, FERIA_TOKEN=tokens[role], code=code)
            return said.out + said.err

        as_("operator", "put", "a", "1")
        assert as_("viewer", "get", "a") == "1"
        assert "not_allowed" in as_("viewer", "put", "a", "2", code=1)
        assert "not_allowed" in as_("viewer", "rm", "a", code=1)
        assert "not_allowed" in as_("client", "get", "a", code=1)
        assert "not_allowed" in as_("client", "ls", code=1)
        assert "not_signed_in" in feria("kv", "get", "a", "--url", node.url, code=1).err


def test_a_watch_goes_on_when_its_node_is_started_again(feria: Feria) -> None:
    feria("kv", "put", "before", "1")
    with feria.node() as first:
        port = first.url.rpartition(":")[2]
        watching = subprocess.Popen(
            [FERIA, "kv", "watch", "--since", "0", "--url", first.url],
            cwd=feria.folder, env=environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert watching.stdout is not None
        try:
            assert watching.stdout.readline() == "before  v1  1\n"
            assert first.stop()[0] == 0
            with feria.node("--port", port):
                feria("kv", "put", "after", "2")
                assert watching.stdout.readline() == "after  v1  2\n"
        finally:
            watching.kill()
            watching.communicate()
