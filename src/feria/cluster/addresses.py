"""Where members are: `host:port`, or `[v6]:port`."""

import contextlib
import errno
import socket

from feria.errors import Conflict, Invalid

ANYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104 - where to listen


def split(address: str) -> tuple[str, int]:
    """Host and port of `host:port` or `[v6]:port`. Raises `Invalid`."""
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    good = colon and bare and port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not good or (":" in bare and bare == host) or "[" in bare or any(mark.isspace() for mark in bare):
        raise Invalid(f"'{address}' is no address of a node; write HOST:PORT, like shop-2.example:7001.")
    return bare, int(port)


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen_on(host: str, port: int) -> socket.socket:
    """Raises `Conflict` when the port is taken, `Invalid` for no address of this machine."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
        door = socket.create_server(place[:2], family=family, backlog=1024)
    except socket.gaierror:
        raise Invalid(f"'{host}' is no address of this machine.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"Port {port} on {host}, for other nodes, is taken by another program. Stop it, or choose "
                f"another with --gossip-port {port + 1}."
            ) from None
        raise Invalid(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
    door.setblocking(False)
    return door


def reachable(host: str) -> str:
    """By which others find this machine. One that listens everywhere asks the kernel which way out it would
    take; nothing is sent."""
    if host not in ANYWHERE:
        return host
    family, far = (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((far, 9))
        return str(probe.getsockname()[0])
    raise Invalid(f"Nobody can call {host}. Say with --advertise HOST:PORT where other nodes reach this one.")
