"""EMH readings in the JSON container of chargeIT: the block of the EDL family, rebuilt from the fields of a value.

The contract id is signed as text, not as the bytes that it may spell. Everything shown is read back from the block, so
that nothing is shown which was not signed; only the zone of its local times stands outside of it. Begin and end of a
session have no names here: they are the first and the last value of the container.
Source: specification of the verifier, 2.11.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from wattproof.signed.formats import edl, enclosing
from wattproof.signed.formats.edl import Block
from wattproof.signed.keys import decode_hex
from wattproof.signed.records import KeySource, Moment, Record
from wattproof.signed.units import Carrier, Unit, stopped

TOKEN = "EMH"  # noqa: S105 (the name of the format)
SIGNATURE_SIZE = 48
ALGORITHM = edl.ALGORITHMS[SIGNATURE_SIZE]

_WHOLE = re.compile(r"-?[0-9]{1,12}", re.ASCII)
_COUNTER = re.compile(r"[0-9]{1,20}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)
#: Minutes east of UTC that a place on earth may have.
FARTHEST_OFFSET = 14 * 60


class Problem(ValueError):
    """A field that cannot be read: ``code`` and message of its finding, and where it stands."""

    def __init__(self, code: str, message: str, where: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.where = where


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time as the block holds it: UTC seconds, and the minutes that are added to them."""

    seconds: int
    offset: int

    @property
    def local(self) -> int:
        return self.seconds + 60 * self.offset


# -- fields -------------------------------------------------------------------------------------------------------


def whole(value: Any, name: str) -> int:
    """A JSON integer, or one written as text. Raises :class:`Problem`."""
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise Problem("F-FORMAT", f"{name} is no integer", f"/{name}")
    return int(value)


def counter(value: Any, name: str) -> int:
    """A counter of up to eight bytes in decimal digits. Raises :class:`Problem`."""
    if not isinstance(value, str) or not _COUNTER.fullmatch(value) or int(value) >= 1 << 64:
        raise Problem("F-FORMAT", f"{name} is no counter of eight bytes", f"/{name}")
    return edl.signed64(int(value))


def octets(value: Any, name: str, size: int) -> bytes:
    """Bytes in hexadecimal, exactly ``size`` of them. Raises :class:`Problem`."""
    digits = "".join(value.split()) if type(value) is str and len(value) <= 1024 else ""
    if len(digits) != 2 * size or not _HEX.fullmatch(digits):
        raise Problem("F-FORMAT", f"{name} has not {2 * size} hexadecimal digits", f"/{name}")
    return decode_hex(digits)


def _stamp(value: Any, name: str) -> Stamp:
    if not isinstance(value, dict):
        raise Problem("F-FORMAT", f"{name} is missing", f"/{name}")
    offset = 0
    for part in ("localOffset", "seasonOffset"):
        if value.get(part) is not None:
            offset += whole(value[part], f"{name}/{part}")
    if abs(offset) > FARTHEST_OFFSET:
        raise Problem("F-FORMAT", f"{name} has an offset of {offset} minutes", f"/{name}")
    return Stamp(whole(value.get("timestamp"), f"{name}/timestamp"), offset)


# -- one value ----------------------------------------------------------------------------------------------------


def read(value: dict[str, Any], carrier: Carrier, where: str = "") -> Unit:
    """The unit of one value; a value whose block cannot be rebuilt stops as ``format-error``."""
    try:
        block, stamp = _block(value)
        signature = _signature(value.get("signature"))
        signed = _encoded(block)
    except Problem as problem:
        return stopped(TOKEN, problem.code, str(problem), carrier=carrier, where=where + problem.where)
    key = enclosing.key(enclosing.member(value, "meterInfo", "publicKey"), "hex", KeySource.EMBEDDED)
    inside = replace(carrier, keys=(*carrier.keys, *key))
    return Unit(record(TOKEN, signed, inside, stamp.offset), signature, ALGORITHM, inside.keys, der=False, raw=True)


def _block(value: dict[str, Any]) -> tuple[Block, Stamp]:
    measured, contract = value.get("measuredValue"), value.get("contract")
    if not isinstance(measured, dict):
        raise Problem("F-FORMAT", "measuredValue, which holds the reading, is missing", "/measuredValue")
    info, indexes = enclosing.member(value, "additionalInfo"), enclosing.member(value, "additionalInfo", "indexes")
    stamp = _stamp(measured.get("timestampLocal"), "measuredValue/timestampLocal")
    block = Block(
        server_id=octets(enclosing.member(value, "meterInfo", "meterId"), "meterInfo/meterId", 10),
        timestamp=stamp.local,
        status=octets(enclosing.member(info, "status"), "additionalInfo/status", 1)[0],
        second_index=whole(enclosing.member(indexes, "timer"), "additionalInfo/indexes/timer"),
        pagination=int.from_bytes(octets(value.get("measurementId"), "measurementId", 4), "big"),
        obis=octets(enclosing.member(value, "measurand", "id"), "measurand/id", 6),
        unit=whole(measured.get("unitEncoded"), "measuredValue/unitEncoded"),
        scaler=whole(measured.get("scale"), "measuredValue/scale"),
        value=counter(measured.get("value"), "measuredValue/value"),
        log=octets(enclosing.member(indexes, "logBook"), "additionalInfo/indexes/logBook", 2),
        contract_id=ident(enclosing.member(contract, "id"), "contract/id"),
        contract_time=_contract_time(contract),
    )
    return block, stamp


def ident(value: Any, name: str) -> bytes:
    """A contract id as it is signed, the bytes of its text; a missing one is empty. Raises :class:`Problem`."""
    if value is None:
        return b""
    if type(value) is not str:
        raise Problem("F-FORMAT", f"{name} is no text", f"/{name}")
    return value.encode("utf-8", "surrogatepass")


def _contract_time(contract: Any) -> int:
    stated = enclosing.member(contract, "timestampLocal")
    return 0 if stated is None else _stamp(stated, "contract/timestampLocal").local


def _signature(value: Any) -> bytes:
    if type(value) is not str or not value.strip():
        raise Problem("F-SD", "the signature is missing or empty", "/signature")
    try:
        return decode_hex("".join(value.split()))
    except ValueError:
        raise Problem("F-SD", "the signature is not hexadecimal", "/signature") from None


def _encoded(block: Block) -> bytes:
    try:
        return block.encode()
    except ValueError as error:
        raise Problem("F-FORMAT", str(error)) from None


def record(token: str, signed: bytes, carrier: Carrier, offset: int | None) -> Record:
    """What a signed block says; its contract id is text. Which end of a session it is, :func:`place` decides."""
    block = edl.decode(signed)
    found = edl.record(token, block, signed, carrier, Moment.INTERMEDIATE, offset)
    found.identification = block.contract_id.decode("utf-8", "replace") or None
    return found


def place(units: Sequence[Unit | None]) -> None:
    """The first value of a container is the begin, the last one the end; the same value twice counts once.

    ``units`` are all values in file order, ``None`` for those of another kind. One value alone is neither.
    """
    keys: list[object] = [_identity(unit, position) for position, unit in enumerate(units)]
    order = list(dict.fromkeys(keys))
    if len(order) < 2:
        return
    moments = {order[0]: Moment.BEGIN, order[-1]: Moment.END}
    for key, unit in zip(keys, units, strict=True):
        if unit is not None:
            for reading in unit.record.readings:
                reading.moment = moments.get(key, Moment.INTERMEDIATE)


def _identity(unit: Unit | None, position: int) -> object:
    return unit.record.signed if unit is not None and unit.record.signed else position
