"""What a client may read, execute and write at an ABB meter, from its object list (abb-meters.md 2.13)."""

from __future__ import annotations

from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import Rights
from wattproof.meters.abb.rights import WRITINGS, Writing
from wattproof.wire.cosem.descriptors import logical_name
from wattproof.wire.cosem.object_list import ObjectEntry, ObjectList
from wattproof.wire.hdlc.addresses import PUBLIC

#: Ids of the rights list.
IDS = range(1, 242)
#: Ids up to this one are about reading.
LAST_READ = 200
VIEW_ONLY, CONFIGURE = "View Only", "Configure"


def rights_of(objects: ObjectList, client: int) -> Rights:
    """One flag an id; ids without a row have none."""
    flags = tuple(_may_read(objects, id) if id <= LAST_READ else _may_write(objects, WRITINGS.get(id)) for id in IDS)
    return Rights(VIEW_ONLY if client == PUBLIC else CONFIGURE, flags)


def _may_read(objects: ObjectList, id: int) -> bool:
    row = ROWS.get(id)
    entry = None if row is None else _entry(objects, row.ln, row.class_id)
    access = None if entry is None or row is None else entry.attributes.get(row.attribute)
    return access is not None and access.mode.readable


def _may_write(objects: ObjectList, row: Writing | None) -> bool:
    entry = None if row is None else _entry(objects, logical_name(row.logical_name), row.class_id)
    if entry is None or row is None:
        return False
    if not row.attribute:
        return entry.methods.get(row.method, False)
    access = entry.attributes.get(row.attribute)
    return access is not None and access.mode.writable


def _entry(objects: ObjectList, name: bytes, class_id: int) -> ObjectEntry | None:
    entry = objects.find(name)
    return entry if entry is not None and entry.class_id == class_id else None
