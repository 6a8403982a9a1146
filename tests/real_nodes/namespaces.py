"""Networks of the kernel's own, one for each node: threads that live in a namespace, and what they begin.

There are no names, so nothing is left behind: the kernel ends a namespace with the last process in it.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, IFF_UP = 0x8913, 0x8914, 0x8916, 0x891C, 0x1
NETWORK, MASK = "10.77.0", "255.255.255.0"


class NotAllowedHere(Exception):
    """This process may not make namespaces; it says why."""


class Namespace:
    """One machine's network, and its view of the file systems.

    `packets` is the other end of its only wire: an IP packet that it sends to anybody in 10.77.0.0/24 is
    read there, and what is written there has come to it.

    Raises `NotAllowedHere`.
    """

    def __init__(self, number: int) -> None:
        self.address = f"{NETWORK}.{number}"
        self.number = number
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"machine-{number}")
        try:
            self.packets = self.run(self._enter)
        except OSError as error:
            self._thread.shutdown()
            raise NotAllowedHere(f"{error.strerror} ({error.filename})") from None

    def run(self, deed: Callable[[], T]) -> T:
        """Done inside; threads and processes that it begins are inside too."""
        return self._thread.submit(deed).result()

    def mount_small_disk(self, folder: Path, mib: int) -> None:
        """A file system that is full when it holds so much. Only who is inside sees what it holds."""
        folder.mkdir(parents=True, exist_ok=True)
        told = f"size={mib}m".encode()
        self.run(lambda: _call("mount", b"tmpfs", bytes(folder), b"tmpfs", 0, told))

    def close(self) -> None:
        self._thread.shutdown()
        os.close(self.packets)

    def _enter(self) -> int:
        _call("unshare", CLONE_NEWNET | CLONE_NEWNS)
        _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
        packets = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.ioctl(packets, TUNSETIFF, struct.pack("16sH22x", b"wire", IFF_TUN | IFF_NO_PI))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                for request, address in ((SIOCSIFADDR, self.address), (SIOCSIFNETMASK, MASK)):
                    told = struct.pack("16sHH4s8x", b"wire", socket.AF_INET, 0, socket.inet_aton(address))
                    fcntl.ioctl(control, request, told)
                for name in (b"lo", b"wire"):
                    asked = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH22x", name, 0))
                    flags = struct.unpack("16sH22x", asked)[1]
                    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | IFF_UP))
        except BaseException:
            os.close(packets)
            raise
        return packets


def why_not() -> str | None:
    """Why no namespace can be made here; nothing where one can."""
    try:
        Namespace(254).close()
    except NotAllowedHere as refused:
        return f"No network namespaces here, which take Linux, root's rights and /dev/net/tun: {refused}."
    return None


def _call(name: str, *arguments: object) -> None:
    try:
        function = getattr(ctypes.CDLL(None, use_errno=True), name)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name) from None
    given = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    if function(*given) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)
