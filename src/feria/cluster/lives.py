"""May a member go on writing in the epoch that its disk names (R8)?

Two disks that write the same numbers of one epoch are a loss nobody notices: others believe that they hold
what they never saw. A restored backup and a copied folder look, from inside, like the disk that the member
left. So a member goes on only where it can prove that this very file is as its last clean end left it, which
`kv.life` beside it attests: same inode, size and times (nobody can set a ctime) and the same boot of the
machine (a machine's snapshot that is restored boots). In all other cases its first write begins an epoch,
which costs a dozen bytes of every full vector, for ever.
"""

import contextlib
from pathlib import Path

import msgspec

from feria.cluster.sqlite_disk import FILE
from feria.storage import durable

ATTEST = "kv.life"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Attest(msgspec.Struct, frozen=True):
    device: int
    inode: int
    bytes: int
    modified_ns: int
    changed_ns: int
    boot: str
    epoch: int


def ended(folder: Path, epoch: int | None) -> None:
    """Attest that the file is now as this epoch left it; to be called when nobody has it open."""
    if epoch is None:
        return
    durable.write(folder / ATTEST, msgspec.json.encode(_attest(folder, epoch)))


def begun(folder: Path) -> int | None:
    """The epoch in which writing may go on, if any; to be called before the file is opened, and the attest
    is gone when this returns."""
    attest: Attest | None = None
    with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError):
        told = msgspec.json.decode((folder / ATTEST).read_bytes(), type=Attest)
        if told == _attest(folder, told.epoch):
            attest = told
    (folder / ATTEST).unlink(missing_ok=True)
    durable.sync(folder)
    return attest.epoch if attest is not None else None


def _attest(folder: Path, epoch: int) -> Attest:
    seen = (folder / FILE).stat()
    boot = _BOOT.read_text() if _BOOT.exists() else ""
    return Attest(
        seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, boot.strip(), epoch
    )
