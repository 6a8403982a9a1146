"""The port that nodes speak by, and who comes to it that is none."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.clusters import until
from feria.cluster import links, network
from feria.cluster.addresses import joined, split
from feria.cluster.certificates import make_certificate, read_tls
from feria.cluster.frames import NONCE_BYTES, Session
from feria.cluster.keys import KeyFile, make_keys, read_keys, retire_keys, rotate_keys
from feria.cluster.network import Network, open_network
from feria.errors import Conflict, Invalid

NOW = datetime.now(UTC)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    make_keys(tmp_path / "cluster.key")
    return tmp_path / "cluster.key"


@pytest.fixture
async def node(key_file: Path) -> AsyncGenerator[Network]:
    async with open_network("fair", "127.0.0.1", 0, 1, keys=KeyFile(key_file)) as node:
        node.listen(lambda sender, payload: pytest.fail(f"{sender} was believed: {payload!r}"))
        yield node


async def _dial(node: Network) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*split(node.address))


async def _is_closed(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(120):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\xff\xff\xff\xff", "length"),
        (b"\x00\x00\x00\x00", "length"),
        (b"GET / HTTP/1.1\r\n\r\n", "length"),
        (b"\x00\x00\x00\x05hello", "garbage"),
        (b"\x00\x00\x00\x50" + b"\x96\x01\xa4fair", "truncated"),
    ],
)
async def test_what_is_no_introduction_ends_the_connection(node: Network, said: bytes, reason: str) -> None:
    reader, writer = await _dial(node)
    writer.write(said)
    writer.write_eof()
    await _is_closed(reader)
    writer.close()
    await until(lambda: node.refusals.counts == {reason: 1})


async def test_who_says_nothing_is_not_waited_for(
    node: Network, monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setattr(links, "HANDSHAKE_SECONDS", 0.05)
    reader, writer = await _dial(node)
    await _is_closed(reader)
    writer.close()
    await until(lambda: node.refusals.counts == {"slow": 1})


async def test_a_crowd_of_strangers_costs_a_bounded_number_of_connections(
    node: Network, monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setattr(network, "STRANGERS", 5)
    strangers = [await _dial(node) for _ in range(50)]
    await until(lambda: node.refusals.counts["crowded"] == 45)
    for _, writer in strangers:
        writer.close()
    async with open_network("fair", "127.0.0.1", 0, 2, keys=KeyFile(key_file)) as member:
        heard: list[bytes] = []
        member.listen(lambda _, payload: heard.append(payload))

        def greeted() -> bool:
            node.send(member.address, b"hello")
            return bool(heard)

        await until(greeted)


async def test_a_member_whose_frames_are_changed_on_the_way_is_cut_off(node: Network, key_file: Path) -> None:
    reader, writer = await _dial(node)
    one = Session("fair", "m2:7001", 2, read_keys(key_file), dialled=True, nonce=os.urandom(NONCE_BYTES))
    while not one.open:
        writer.write(bytes(one.outgoing))
        one.outgoing.clear()
        one.receive(await reader.read(4096))
    writer.write(bytes(one.outgoing))
    writer.write(one.seal(b"hello") + b"hellO")
    await _is_closed(reader)
    writer.close()
    await until(lambda: node.refusals.counts == {"forged": 1})


async def test_members_that_call_each_other_at_once_keep_one_connection(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "CROSSED_SECONDS", 0.01)
    async with _several(2, keys=KeyFile(key_file)) as (one, other):
        one.send(other.address, b"to other")
        other.send(one.address, b"to one")
        await until(lambda: one.connections and other.connections)
        await until(lambda: one.connections == other.connections == 1)
        heard: list[bytes] = []
        other.listen(lambda _, payload: heard.append(payload))
        one.send(other.address, b"again")
        await until(lambda: heard[-1:] == [b"again"])


@contextlib.asynccontextmanager
async def _several(count: int, **more: object) -> AsyncGenerator[list[Network]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(open_network("fair", "127.0.0.1", 0, life, **more))  # type: ignore[arg-type]
            for life in range(10, 10 + count)
        ]


async def test_a_member_is_known_by_what_it_calls_itself(key_file: Path) -> None:
    """However it was found: a seed may be said by another name."""
    async with _several(2, keys=KeyFile(key_file)) as (one, other):
        heard: list[tuple[str, bytes]] = []
        one.listen(lambda sender, payload: heard.append((sender, payload)))
        other.listen(lambda sender, payload: bool(other.send(sender, payload)))
        by_name = f"localhost:{other.address.rpartition(':')[2]}"
        for number in range(3):
            one.send(by_name, str(number).encode())
        await until(lambda: len(heard) == 3)
        assert {sender for sender, _ in heard} == {other.address}
        assert one.connections == 1


async def test_a_node_among_its_own_seeds_does_not_speak_to_itself(key_file: Path) -> None:
    async with _several(1, keys=KeyFile(key_file)) as (one,):
        by_name = f"localhost:{one.address.rpartition(':')[2]}"
        one.send(by_name, b"hello, me")
        await until(lambda: not one.send(by_name, b"hello, me"))
        await until(lambda: one.connections == 0)
        assert one.refusals.counts == {}


async def test_a_key_changes_while_nodes_run(key_file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.key"

    def bring() -> None:  # as scp would
        fresh = tmp_path / "fresh"
        fresh.write_bytes(key_file.read_bytes())
        fresh.chmod(0o600)
        fresh.replace(copy)

    old = read_keys(key_file)[0]
    for step in (bring, lambda: rotate_keys(key_file), bring, lambda: retire_keys(key_file), bring):
        step()
        async with (
            open_network("fair", "127.0.0.1", 0, 1, keys=KeyFile(key_file)) as one,
            open_network("fair", "127.0.0.1", 0, 2, keys=KeyFile(copy)) as other,
        ):
            heard: list[bytes] = []
            other.listen(lambda _, payload, heard=heard: heard.append(payload))  # type: ignore[misc]
            one.send(other.address, b"hello")
            await until(lambda heard=heard: heard)  # type: ignore[misc]
    assert old not in read_keys(copy)


async def test_a_connection_by_a_key_that_was_retired_ends(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "LOOK_ROUND_SECONDS", 0.02)
    async with _several(2, keys=KeyFile(key_file)) as (one, other):
        one.send(other.address, b"hello")
        await until(lambda: one.connections == 1)
        rotate_keys(key_file)
        one.send(other.address, b"still there")
        await asyncio.sleep(0)
        assert one.connections == 1
        retire_keys(key_file)
        await until(lambda: one.connections == 0)


async def test_nodes_on_ipv6_find_each_other() -> None:
    try:
        opened = open_network("fair", "::1", 0, 1), open_network("fair", "::1", 0, 2)
        async with opened[0] as one, opened[1] as other:
            assert one.address.startswith("[::1]:")
            heard: list[str] = []
            other.listen(lambda sender, _: heard.append(sender))
            one.send(other.address, b"hello")
            await until(lambda: heard == [one.address])
    except Invalid:
        pytest.skip("this machine has no IPv6")


async def test_a_port_that_is_taken_is_said(node: Network) -> None:
    with pytest.raises(Conflict, match="--gossip-port"):
        async with open_network("fair", "127.0.0.1", split(node.address)[1], 2):
            pass


# ------------------------------------------------------------------ TLS
async def test_who_has_no_certificate_of_the_cluster_is_refused(tmp_path: Path) -> None:
    ours = read_tls(*make_certificate(tmp_path / "ours", "a", [], NOW))
    theirs = read_tls(*make_certificate(tmp_path / "theirs", "b", [], NOW))
    async with (
        open_network("fair", "127.0.0.1", 0, 1, tls=ours) as one,
        open_network("fair", "127.0.0.1", 0, 2, tls=theirs) as stranger,
        open_network("fair", "127.0.0.1", 0, 3) as plain,
    ):
        for other in (stranger, plain):
            other.listen(lambda *_: pytest.fail("it was let in"))
            other.send(one.address, b"hello")
        one.listen(lambda *_: pytest.fail("it was believed"))
        await until(lambda: one.refusals.counts["tls"] >= 2)
        one.send(stranger.address, b"hello")
        await until(lambda: stranger.refusals.counts["tls"] or one.refusals.counts["tls"] >= 3)
        assert one.connections == stranger.connections == plain.connections == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda files: files[0].unlink(), "cannot be read"),
        (lambda files: files[0].write_text("nonsense"), "no certificate"),
        (lambda files: files[2].write_text("nonsense"), "no certificate in PEM"),
    ],
)
def test_what_is_wrong_with_certificates_is_said_at_the_start(
    tmp_path: Path, spoil: Callable[[tuple[Path, ...]], None], says: str
) -> None:
    files = make_certificate(tmp_path, "a", ["127.0.0.1"], NOW)
    spoil(files)
    with pytest.raises(Invalid, match=says):
        read_tls(*files)


def test_certificates_that_ended_or_are_of_another_authority_are_refused_at_the_start(tmp_path: Path) -> None:
    old = make_certificate(tmp_path / "old", "a", [], NOW - timedelta(days=30 * 365))
    with pytest.raises(Invalid, match="expired"):
        read_tls(*old)
    a, b = (make_certificate(tmp_path / name, name, [], NOW) for name in "ab")
    with pytest.raises(Invalid, match="will not do"):
        read_tls(a[0], a[1], b[2])
    with pytest.raises(Invalid, match="not the private key"):
        read_tls(a[0], b[1], a[2])


def test_an_authority_signs_many_nodes_and_makes_no_certificate_twice(tmp_path: Path) -> None:
    first = make_certificate(tmp_path, "a", ["10.0.0.1", "a.example"], NOW)
    second = make_certificate(tmp_path, "b", [], NOW)
    assert first[2] == second[2]
    for files in (first, second):
        assert isinstance(read_tls(*files).server, ssl.SSLContext)
        assert files[1].stat().st_mode & 0o077 == 0
    with pytest.raises(Conflict):
        make_certificate(tmp_path, "a", [], NOW)


# ------------------------------------------------------------------ keys and addresses
def test_a_key_file_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(Invalid, match="cannot be read"):
        KeyFile(file)
    for text, says in (("", "0 keys"), ("abc\n", "no key"), ("ä", "no text")):
        file.write_text(text)
        with pytest.raises(Invalid, match=says):
            read_keys(file)
    file.unlink()
    make_keys(file)
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(Conflict, match="rotate"):
        make_keys(file)
    with pytest.raises(Conflict, match="one key"):
        retire_keys(file)
    (first,) = read_keys(file)
    rotate_keys(file)
    assert read_keys(file)[1] == first
    with pytest.raises(Conflict, match="under way"):
        rotate_keys(file)
    assert first.secret.hex() not in repr(first)


def test_a_key_file_that_is_being_copied_leaves_the_key_as_it_was(key_file: Path) -> None:
    keys = KeyFile(key_file)
    before = keys()
    key_file.write_text("half a k")
    assert keys() == before
    key_file.unlink()
    assert keys() == before


@pytest.mark.parametrize(
    "address", ["shop-1.example:7001", "10.0.0.1:1", "[::1]:7001", "[fe80::1%eth0]:65535"]
)
def test_addresses_are_read_and_written(address: str) -> None:
    assert joined(*split(address)) == address
