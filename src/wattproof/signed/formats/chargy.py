"""The charge transparency record of Chargy: charging sessions with their measurements, and the keys of meters.

Read here are sessions of ChargePoint, which carry the signed file whole, and of EMH meters, whose block is rebuilt
(:mod:`.emh`); GDF, of which no genuine record was ever seen, only if asked for. The local time that an EMH meter
signed is not stated: the stated offset, none and that of Central Europe are tried. Source: specification of the
verifier, 2.12 and 2.14. Keys: :mod:`.chargy_keys`; writing: :mod:`.chargy_export`.
"""

from __future__ import annotations

import binascii
import dataclasses
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from msgspec.structs import replace

from wattproof.signed.formats import chargepoint, edl, emh, enclosing
from wattproof.signed.formats.chargy_keys import Keys
from wattproof.signed.formats.edl import Block
from wattproof.signed.formats.emh import Problem, Stamp
from wattproof.signed.formats.enclosing import Repetitions
from wattproof.signed.jsonscan import Path
from wattproof.signed.keys import decode_base64, decode_hex
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Clock, Finding, Record, Severity, Time, Verdict
from wattproof.signed.stamps import time_text
from wattproof.signed.units import NO_CARRIER, Algorithm, Alternative, Carrier, Item, Unit, stopped

CONTAINER = "Chargy-CTR"
CONTEXT = "https://open.charging.cloud/contexts/CTR+json"
_CONTEXT = CONTEXT.removesuffix("+json")
GDF = "GDF"
#: Scheme of a session, in lower case, to the format that it signs.
_SCHEMES = {
    "emhcrypt01": emh.TOKEN,
    "gdfcrypt01": GDF,
    "chargepointcrypt01": chargepoint.TOKEN,
    "alfencrypt01": "ALFEN",
    "bsmcrypt01": "BSM",
    "mennekescrypt01": "EDL_40_MENNEKES",
    "edl40": "EDL_40_P",
    "pcdf": "PCDF",
}
_ALGORITHMS = {emh.TOKEN: emh.ALGORITHM, GDF: edl.ALGORITHMS[64]}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TIME, _MOST_SIGNATURES = 40, 16


def detect(document: Any) -> bool:
    """Whether a parsed JSON document is such a record."""
    context = document.get("@context") if isinstance(document, dict) else None
    if context is None:
        return False
    stated = context if isinstance(context, list) else [context]
    return any(type(text) is str and text.strip().startswith(_CONTEXT) for text in stated)


def read(document: Any, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Item]:
    """Every signed value of every session, in file order; at least one item, and never an exception for bad content."""
    inside = replace(carrier, container=CONTAINER)
    sessions = document.get("chargingSessions")
    found = list(enumerate(sessions)) if isinstance(sessions, list) else []
    if not found:
        return [stopped("unknown", "F-EMPTY", "the record holds no charging session", carrier=inside)]
    places = [place for position, session in found for place in _places(position, session)]
    if len(places) > limits.units:
        return [stopped("unknown", "F-SIZE", f"{len(places)} signed values in one document", carrier=inside)]
    keys = Keys(document)
    repeated = Repetitions(document, places)
    name = enclosing.identifier(document.get("@id"))
    items: list[Item] = []
    for position, session in found:
        own = enclosing.identifier(enclosing.member(session, "@id"))
        held = replace(inside, session=own or name or carrier.session)
        items += _Session(session, position, held, keys, repeated, limits).units()
    return items


def _places(position: int, session: Any) -> Iterator[Path]:
    """Where the signed units of a session stand: its values, or itself where it is signed as a whole."""
    path: Path = ("chargingSessions", str(position))
    if _format(session) not in _ALGORITHMS:
        yield path
        return
    for place, _, __ in _values(session, path):
        yield place


def _values(session: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any], Any]]:
    measurements = enclosing.member(session, "measurements")
    for number, measurement in enumerate(measurements if isinstance(measurements, list) else ()):
        values = enclosing.member(measurement, "values")
        for position, value in enumerate(values if isinstance(values, list) else ()):
            yield (*path, "measurements", str(number), "values", str(position)), measurement, value


def _format(session: Any) -> str | None:
    """The format of the scheme that a session names, else of its first measurement."""
    measurements = enclosing.member(session, "measurements")
    first = measurements[0] if isinstance(measurements, list) and measurements else None
    for holder in (session, first):
        context = enclosing.text(enclosing.member(holder, "@context"))
        name = (context or "").strip().rpartition("/")[2].partition("+")[0].lower()
        found = "OCMF" if name.startswith("ocmf") else _SCHEMES.get(name)
        if found is not None:
            return found
    return None


class _Session:
    """One session of the record."""

    def __init__(
        self, session: Any, position: int, carrier: Carrier, keys: Keys, repeated: Repetitions, limits: Limits
    ) -> None:
        self.session, self.carrier, self.keys, self.repeated, self.limits = session, carrier, keys, repeated, limits
        self.path: Path = ("chargingSessions", str(position))
        self.format = _format(session)

    def units(self) -> list[Unit]:
        """The units of the session, which all belong to it."""
        places = list(_values(self.session, self.path)) if self.format in _ALGORITHMS else []
        if self.format == GDF and not self.carrier.experimental:
            places = []
        if not places:
            return [self._marked(self._whole(), self.path)]
        units = [(place, self._value(place, measurement, value)) for place, measurement, value in places]
        series: dict[Path, list[Unit]] = {}
        for place, unit in units:
            series.setdefault(place[:-2], []).append(unit)
        for found in series.values():
            emh.place(found)
        return [self._marked(unit, place) for place, unit in units]

    def _marked(self, unit: Unit, place: Path) -> Unit:
        unit.record.findings += self.repeated.findings(place)
        enclosing.mark([unit], self.repeated.ambiguous(place), enclosing.where(self.path))
        return unit

    def _whole(self) -> Unit:
        """A session that is signed as a whole, or that is not read."""
        where = enclosing.where(self.path)
        if self.format == chargepoint.TOKEN:
            return self._chargepoint(where)
        if self.format in _ALGORITHMS and (self.format != GDF or self.carrier.experimental):
            message = "the session holds no signed value"
            return stopped(self.format or "", "F-EMPTY", message, carrier=self.carrier, where=where)
        name = self.format or "another scheme"
        message = f"a session of {name}: it is recognised, but not read in this container"
        if self.format == GDF:
            message = "a session of GDF, of which no genuine record was ever verified: it is read only if asked for"
        return stopped(
            self.format or "unknown",
            "F-EXTRA",
            message,
            carrier=self.carrier,
            where=where,
            verdict=Verdict.UNSUPPORTED,
            reason="V-ALG",
            severity=Severity.INFO,
        )

    def _chargepoint(self, where: str) -> Unit:
        """The signed file stands in Base64 beside its signature."""
        original, signature = (enclosing.text(self.session.get(name)) for name in ("original", "signature"))
        try:
            data = decode_base64("".join((original or "").split()))
        except ValueError:
            data = b""
        if not data or signature is None:
            message = "the signed file or its signature is missing or cannot be decoded"
            return stopped(chargepoint.TOKEN, "F-SD", message, carrier=self.carrier, where=where)
        names = chargepoint.names(data, self.limits)
        inside = self._with_keys(names)
        return chargepoint.signed_file(data, signature.encode("utf-8", "replace"), inside, self.limits)

    def _value(self, place: Path, measurement: Any, value: Any) -> Unit:
        token = self.format or "unknown"
        meter = next((found for found in self._meters(measurement) if found is not None), None)
        inside = self._with_keys([meter] if meter else [])
        try:
            make = _emh if token == emh.TOKEN else _gdf
            fields = make(self.session, measurement, value, meter)
            signature, der = _signature(value, _ALGORITHMS[token])
            return _unit(token, fields, signature, der, inside)
        except Problem as problem:
            where = enclosing.where(place) + problem.where
            return stopped(token, problem.code, str(problem), carrier=inside, where=where)

    def _with_keys(self, names: Iterable[str]) -> Carrier:
        """The surroundings with the keys of these names, and what is to say of signatures over them."""
        found = self.keys.of(names)
        notes = self.keys.signed(found, self.session, self.path)
        return replace(self.carrier, keys=(*self.carrier.keys, *found), findings=(*self.carrier.findings, *notes))

    def _meters(self, measurement: Any) -> Iterator[str | None]:
        for holder in (measurement, self.session):
            for name in ("energyMeterId", "meterId"):
                yield enclosing.identifier(enclosing.member(holder, name))


# -- the block of one value ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Fields:
    """The block of a value but for its two times, whose local form is not stated."""

    block: Block
    reading: Stamp
    contract: Stamp | None
    meter: str

    def signed(self, offsets: tuple[int, int]) -> bytes:
        """The bytes with these minutes added to the two times. Raises :class:`Problem` if they do not fit."""
        contract = 0 if self.contract is None else self.contract.seconds + 60 * offsets[1]
        block = dataclasses.replace(
            self.block, timestamp=self.reading.seconds + 60 * offsets[0], contract_time=contract
        )
        try:
            return block.encode()
        except ValueError as error:
            raise Problem("F-FORMAT", str(error)) from None

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """The stated offsets, none, and those of Central Europe at that time."""
        contract = self.contract or self.reading
        stated = self.reading.offset, contract.offset
        return [stated, (0, 0), (central_europe(self.reading.seconds), central_europe(contract.seconds))]


def _emh(session: dict[str, Any], measurement: Any, value: Any, meter: str | None) -> _Fields:
    start = enclosing.member(session, "authorizationStart")
    member = enclosing.member
    block = Block(
        server_id=emh.octets(meter, "energyMeterId", 10),
        timestamp=0,
        status=emh.octets(member(value, "infoStatus"), "infoStatus", 1)[0],
        second_index=emh.whole(member(value, "secondsIndex"), "secondsIndex"),
        pagination=int.from_bytes(emh.octets(member(value, "paginationId"), "paginationId", 4), "big"),
        obis=emh.octets(member(measurement, "obis"), "obis", 6),
        unit=emh.whole(member(measurement, "unitEncoded"), "unitEncoded"),
        scaler=emh.whole(member(measurement, "scale"), "scale"),
        value=emh.counter(member(value, "value"), "value"),
        log=emh.octets(member(value, "logBookIndex"), "logBookIndex", 2),
        contract_id=emh.ident(member(start, "@id"), "authorizationStart/@id"),
    )
    return _Fields(block, *_stamps(value, start), meter or "")


def _gdf(session: dict[str, Any], measurement: Any, value: Any, meter: str | None) -> _Fields:
    """As an EMH reading, but the meter is a text, and status, second index, page and log book do not exist."""
    start = enclosing.member(session, "authorizationStart")
    member = enclosing.member
    name = (meter or "").encode("utf-8", "surrogatepass")
    if not 0 < len(name) <= 10:
        raise Problem("F-FORMAT", "the meter id has not 1 to 10 bytes", "/energyMeterId")
    digits = member(start, "@id")
    try:
        contract = decode_hex(digits) if type(digits) is str else b""
    except ValueError:
        raise Problem("F-FORMAT", "the authorisation id is not hexadecimal", "/authorizationStart/@id") from None
    block = Block(
        server_id=name.ljust(10, b"\0"),
        timestamp=0,
        status=0,
        second_index=0,
        pagination=0,
        obis=emh.octets(member(measurement, "obis"), "obis", 6),
        unit=emh.whole(member(measurement, "unitEncoded"), "unitEncoded"),
        scaler=emh.whole(member(measurement, "scale"), "scale"),
        value=emh.counter(member(value, "value"), "value"),
        log=bytes(2),
        contract_id=contract,
    )
    return _Fields(block, *_stamps(value, start), meter or "")


def _stamps(value: Any, start: Any) -> tuple[Stamp, Stamp | None]:
    stated = enclosing.member(start, "timestamp")
    reading = _instant(enclosing.member(value, "timestamp"), "timestamp")
    return reading, None if stated is None else _instant(stated, "authorizationStart/timestamp")


def _instant(text: Any, name: str) -> Stamp:
    try:
        moment = datetime.fromisoformat(text) if type(text) is str and len(text) <= _LONGEST_TIME else None
    except ValueError:
        moment = None
    offset = None if moment is None else moment.utcoffset()
    if moment is None or offset is None:
        raise Problem("F-FORMAT", f"{name} is no ISO time with an offset", f"/{name}")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    if not 0 <= seconds < 1 << 32:
        raise Problem("F-FORMAT", f"{name} does not fit four bytes", f"/{name}")
    return Stamp(seconds, offset // timedelta(minutes=1))


def central_europe(seconds: int) -> int:
    """Minutes of Central European time east of UTC: 120 from the last Sunday of March to that of October, 01:00 UTC."""
    year = datetime.fromtimestamp(seconds, UTC).year
    bounds = []
    for month in (3, 10):
        last = datetime(year, month, 31, 1, tzinfo=UTC)
        bounds.append((last - timedelta(days=last.isoweekday() % 7)).timestamp())
    return 120 if bounds[0] <= seconds < bounds[1] else 60


def _signature(value: Any, algorithm: Algorithm) -> tuple[bytes, bool]:
    """The first signature that can be decoded, and whether it is DER: r and s, or one text of both."""
    stated = enclosing.member(value, "signatures")
    size = 2 * (algorithm.curve.order_bytes if algorithm.curve is not None else 0)
    for signature in (stated if isinstance(stated, list) else [])[:_MOST_SIGNATURES]:
        parts = [enclosing.text(enclosing.member(signature, name)) for name in ("r", "s")]
        whole = enclosing.text(enclosing.member(signature, "value"))
        try:
            if None not in parts:
                return b"".join(_integer(str(part), size) for part in parts), False
            if whole is not None:
                data = decode_hex(whole.strip())
                return data, len(data) != size
        except (ValueError, binascii.Error):
            continue
    raise Problem("F-SD", "the signature is missing or not hexadecimal", "/signatures")


def _integer(digits: str, size: int) -> bytes:
    """A number in hexadecimal as bytes of at least the usual size, however many zeros stand before it."""
    digits = digits.strip().lstrip("0")
    return decode_hex(digits.rjust(max(size, len(digits) + len(digits) % 2), "0"))


def _unit(token: str, fields: _Fields, signature: bytes, der: bool, carrier: Carrier) -> Unit:
    first, *others = dict.fromkeys(fields.offsets)
    signed = fields.signed(first)
    unit = Unit(_record(token, signed, carrier, first[0], fields.meter), signature, _ALGORITHMS[token], carrier.keys)
    unit.der, unit.raw, unit.doubt = der, not der, _without_zone
    seen = {signed}
    for offsets in others:
        other = fields.signed(offsets)
        if other not in seen:
            seen.add(other)
            stated, found = (" and ".join(map(str, dict.fromkeys(pair))) for pair in (first, offsets))
            message = f"the meter's clock stood {found} minutes before UTC, not {stated} as stated"
            finding = Finding("F-TIME-OFFSET", Severity.INFO, message, "timestamp")
            record = partial(_instead, unit, token, other, carrier, offsets[0], fields.meter)
            unit.alternatives.append(Alternative(other, finding, record))
    return unit


def _instead(unit: Unit, token: str, signed: bytes, carrier: Carrier, offset: int, meter: str) -> Record:
    """The record with other local times, in the place of that of ``unit``."""
    record, before = _record(token, signed, carrier, offset, meter), unit.record
    record.group, record.ambiguous = before.group, before.ambiguous
    for reading, same in zip(record.readings, before.readings, strict=True):
        reading.moment = same.moment
    return record


def _record(token: str, signed: bytes, carrier: Carrier, offset: int, meter: str) -> Record:
    record = emh.record(token, signed, carrier, offset)
    if token == GDF:
        block = edl.decode(signed)
        record.meter_serial = meter
        record.identity_texts = (meter,)
        record.identification = block.contract_id.hex().upper() or None
        record.page, record.page_text = None, None
        for reading in record.readings:
            reading.clock, reading.status, reading.event_counter = Clock.INFORMATIVE, None, None
    return record


def _without_zone(record: Record) -> None:
    """What no offset verified is a local time of unknown zone (0.6)."""
    for reading in record.readings:
        if reading.time is not None:
            reading.time = Time(reading.time.seconds + 60 * (reading.time.offset or 0), None)
            reading.time_text = time_text(reading.time)
