"""The shelf's rows, from the node's database, where they stood until they travelled, to what members share.

They are written to their new place all at once, and then leave the database: whatever ends the node between
the two, the next start finds what is still to be done. A row that is known in the new place already is left
as it is there.
"""

import logging

from feria.cluster.files import cut
from feria.cluster.gossip_map import GossipMap
from feria.cluster.maps import LocalMap
from feria.errors import FeriaError
from feria.registry.rows import PREFIX, Row, decoded, encoded, key_of
from feria.registry.wire import State
from feria.storage.blobs import Blobs

log = logging.getLogger(__name__)


async def move_rows(old: LocalMap, new: GossipMap, blobs: Blobs, *, shared: bool) -> int:
    """Returns how many were moved. `shared`: other nodes have the same database, so a node takes the rows
    whose files it holds, and copies those of others. Raises `DiskFull` and the like; then nothing has
    moved."""
    entries = await old.scan(PREFIX)
    moving: dict[str, bytes] = {}
    mine: list[str] = []
    for entry in entries:
        row = decoded(entry.key, entry.value)
        if row is None:
            continue
        here = blobs.holds(row.model.digest)
        moving[key_of(row.model)] = encoded(row if not here else await _cut(row, blobs))
        if here or not shared or row.model.state is State.deleted:
            mine.append(entry.key)
    if not moving:
        return 0
    await new.put_new(moving)
    for key in mine:
        await old.remove(key)
    log.info("%d rows of the shelf moved from the database to kv.db.", len(mine))
    return len(mine)


async def _cut(row: Row, blobs: Blobs) -> Row:
    """With what its file is made of, so that others can fetch it; not where the file is damaged."""
    try:
        manifest = await cut(blobs.place(row.model.digest))
    except FeriaError as error:
        log.warning("The file of %s cannot be read: %s", row.model.reference, error.message)
        return row
    if manifest.sha256.hex() != row.model.digest:
        log.error("The file of %s is damaged; publish it again.", row.model.reference)
        return row
    return row._replace(pieces=b"".join(manifest.chunks))
