"""With the real programs of Flower. Machines differ; whatever is waited for here has a minute to happen."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import textwrap
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from feria.clock import SystemClock
from feria.errors import Unavailable
from feria.superlink.authority import LIFE, open_authority
from feria.superlink.control import open_control
from feria.superlink.process import A_DAY, SuperLink, open_superlink
from programs import free_port, processes_of, until, wait

SMALL = Path(__file__).parents[1] / "small_app"


class Ago(SystemClock):
    """As if a certificate of today had been made that long ago."""

    def __init__(self, ago: timedelta) -> None:
        self._ago = ago

    def now(self) -> datetime:
        return super().now() - self._ago


class Days(SystemClock):
    """A day passes when it is told to."""

    def __init__(self) -> None:
        self.passes = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds == A_DAY:
            await self.passes.wait()
            self.passes.clear()
        else:
            await super().sleep(seconds)


def _ends_soon(folder: Path) -> bytes:
    """Put a certificate there that has 20 days left; the CA."""
    authority = open_authority(folder, Ago(LIFE - timedelta(days=20)))
    authority.certificate.unlink(missing_ok=True)
    authority.certify([])
    assert authority.ends() < datetime.now(UTC) + timedelta(days=21)
    return authority.ca.read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("superlink")


@pytest.fixture(scope="module")
def first_ca(folder: Path) -> bytes:
    return _ends_soon(folder)


@pytest.fixture(scope="module")
def days() -> Days:
    return Days()


@pytest.fixture(scope="module")
async def superlink(folder: Path, first_ca: bytes, days: Days) -> AsyncGenerator[SuperLink]:
    async with open_superlink(folder, host="127.0.0.1", port=free_port(), names=(), clock=days) as superlink:
        yield superlink
    assert not processes_of(folder)


def _public_key() -> str:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _shown(superlink: SuperLink) -> datetime:
    """When the certificate that callers are shown ends."""
    context = ssl.create_default_context(cafile=superlink.ca)
    with (
        socket.create_connection((superlink.host, superlink.port)) as wire,
        context.wrap_socket(wire, server_hostname=superlink.host) as call,
    ):
        shown = call.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).not_valid_after_utc


def _told(pid: int) -> bytes:
    """Its command line and its environment."""
    return b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("cmdline", "environ"))


async def test_a_certificate_that_ends_soon_is_renewed_at_the_start_and_the_ca_is_the_same(
    superlink: SuperLink, first_ca: bytes
) -> None:
    assert await asyncio.to_thread(_shown, superlink) > datetime.now(UTC) + LIFE - timedelta(days=1)
    assert superlink.ca.read_bytes() == first_ca


async def test_the_secret_is_for_its_owner_alone_and_in_no_command_line(
    superlink: SuperLink, folder: Path
) -> None:
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    told = [_told(pid) for pid in processes_of(folder)]
    assert len(told) == 2
    assert not any(superlink.secret.encode() in each for each in told)


async def test_a_superlink_that_is_killed_comes_back_and_knows_its_nodes(
    superlink: SuperLink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with open_control(superlink.address, superlink.ca, superlink.secret) as control:
        node_id = await control.register("Tienda Lima", _public_key())
        starts, pid = superlink.link.starts, superlink.link.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: superlink.link.starts > starts)
        async with asyncio.timeout(300):
            await superlink.ready()
        assert superlink.link.pid != pid
        assert [(node.node_id, node.name) for node in await control.nodes()] == [(node_id, "Tienda Lima")]
    assert "flower-superlink ended (SIGKILL); it begins again in 0.5 s." in caplog.text


async def test_what_starts_runs_comes_back_as_well(superlink: SuperLink) -> None:
    starts, pid = superlink.executor.starts, superlink.executor.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: superlink.executor.starts > starts)
    assert superlink.executor.pid != pid


async def test_a_node_that_runs_on_renews_its_certificate_in_time(
    superlink: SuperLink, first_ca: bytes, folder: Path, days: Days
) -> None:
    starts = superlink.link.starts
    _ends_soon(folder)  # as if a year had gone by
    days.passes.set()
    await until(lambda: superlink.link.starts > starts)
    async with asyncio.timeout(300):
        await superlink.ready()
    assert await asyncio.to_thread(_shown, superlink) > datetime.now(UTC) + LIFE - timedelta(days=1)
    assert superlink.ca.read_bytes() == first_ca


async def test_a_port_that_is_taken_is_said(superlink: SuperLink, tmp_path: Path) -> None:
    with pytest.raises(
        Unavailable, match=f"Port {superlink.port} is taken; the SuperLink needs one of its own"
    ):
        async with open_superlink(tmp_path, host="127.0.0.1", port=superlink.port, names=()):
            pass
    assert not processes_of(tmp_path)


async def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot listen on 192\.0\.2\.7, port \d+: "):
        async with open_superlink(tmp_path, host="192.0.2.7", port=free_port(), names=()):
            pass


async def test_one_that_cannot_begin_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("This is no database." * 100)
    with pytest.raises(Unavailable, match=r"The SuperLink ended\. It said last: .*not a database"):
        async with open_superlink(tmp_path, host="127.0.0.1", port=free_port(), names=()):
            pass
    assert not processes_of(tmp_path)


def test_nothing_outlives_a_node_that_is_killed_not_even_a_run(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from feria.federation.flower import bundle
        from feria.superlink.control import open_control
        from feria.superlink.process import open_superlink

        async def main():
            folder, port, app = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
            async with (
                open_superlink(folder, host="127.0.0.1", port=port, names=()) as superlink,
                open_control(superlink.address, superlink.ca, superlink.secret) as control,
            ):
                run_id = await control.start(bundle(app), {})
                while (await control.run(run_id)).state != "running":
                    await asyncio.sleep(0.05)
                print("running", flush=True)  # and waiting for stores, of which there are none
                await asyncio.sleep(600)

        asyncio.run(main())
    """)
    node = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), str(free_port()), str(SMALL)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with node:
        assert node.stdout is not None
        assert node.stdout.readline() == "running\n"
        commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(tmp_path)]
        assert sum(b"flwr-serverapp" in command for command in commands) == 1
        node.kill()
    wait(lambda: not processes_of(tmp_path))
