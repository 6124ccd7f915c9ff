"""Signed records written from the specification alone, with no line of the package that is tested.

The exporters of the package and its readers come from one hand, so a layout that both get wrong would pass a round
trip. Here are the curves of 0.2 as textbook arithmetic, and the layouts of 2.2 to 2.11 as one struct each.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

#: p, a, b, generator, order; parameters as published (SEC 2, RFC 5639).
CURVES: dict[str, tuple[int, ...]] = {
    "secp192k1": (
        2**192 - 2**32 - 4553,
        0,
        3,
        0xDB4FF10EC057E9AE26B07D0280B7F4341DA5D1B1EAE06C7D,
        0x9B2F2F6D9C5628A7844163D015BE86344082AA88D95E2F9D,
        0xFFFFFFFFFFFFFFFFFFFFFFFE26F2FC170F69466A74DEFD8D,
    ),
    "secp192r1": (
        2**192 - 2**64 - 1,
        -3,
        0x64210519E59C80E70FA7E9AB72243049FEB8DEECC146B9B1,
        0x188DA80EB03090F67CBF20EB43A18800F4FF0AFD82FF1012,
        0x07192B95FFC8DA78631011ED6B24CDD573F977A11E794811,
        0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
    ),
    "secp224k1": (
        2**224 - 2**32 - 6803,
        0,
        5,
        0xA1455B334DF099DF30FC28A169A467E9E47075A90F7E650EB6B7A45C,
        0x7E089FED7FBA344282CAFBD6F7E319F7C0B0BD59E2CA4BDB556D61A5,
        0x10000000000000000000000000001DCE8D2EC6184CAF0A971769FB1F7,
    ),
    "secp256r1": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        -3,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
}
#: Object identifiers, DER without tag and length.
OIDS = {
    "secp192k1": "2b8104001f",
    "secp192r1": "2a8648ce3d030101",
    "secp224k1": "2b81040020",
    "secp256r1": "2a8648ce3d030107",
}


class Signer:
    """A key on one curve, made from a name; its nonces are hashes, so that equal input gives equal files."""

    def __init__(self, curve: str, name: str = "independent") -> None:
        self.curve = curve
        self.p, self.a, _, gx, gy, self.n = CURVES[curve]
        self.generator = (gx, gy)
        self.private = int.from_bytes(hashlib.sha512(f"{curve} {name}".encode()).digest(), "big") % (self.n - 1) + 1
        self.size = (self.p.bit_length() + 7) // 8
        self.order_size = (self.n.bit_length() + 7) // 8

    def _add(self, one: tuple[int, int] | None, two: tuple[int, int] | None) -> tuple[int, int] | None:
        if one is None or two is None:
            return one or two
        if one[0] == two[0]:
            if (one[1] + two[1]) % self.p == 0:
                return None
            slope = (3 * one[0] * one[0] + self.a) * pow(2 * one[1], -1, self.p)
        else:
            slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, self.p)
        x = (slope * slope - one[0] - two[0]) % self.p
        return x, (slope * (one[0] - x) - one[1]) % self.p

    def _times(self, factor: int) -> tuple[int, int]:
        found: tuple[int, int] | None = None
        power: tuple[int, int] | None = self.generator
        while factor:
            if factor & 1:
                found = self._add(found, power)
            power = self._add(power, power)
            factor >>= 1
        assert found is not None
        return found

    @cached_property
    def point(self) -> tuple[int, int]:
        return self._times(self.private)

    @property
    def xy(self) -> bytes:
        return b"".join(part.to_bytes(self.size, "big") for part in self.point)

    @property
    def compressed(self) -> bytes:
        return bytes([2 + self.point[1] % 2]) + self.point[0].to_bytes(self.size, "big")

    @property
    def spki(self) -> bytes:
        curve = bytes.fromhex(OIDS[self.curve])
        names = b"\x06\x07" + bytes.fromhex("2a8648ce3d0201") + bytes([6, len(curve)]) + curve
        bits = b"\x00\x04" + self.xy
        body = bytes([0x30, len(names)]) + names + bytes([3, len(bits)]) + bits
        return bytes([0x30, len(body)]) + body

    def sign(self, data: bytes) -> tuple[int, int]:
        """r and s over SHA-256, of which the leftmost bits count that the order has."""
        digest = hashlib.sha256(data).digest()
        number = int.from_bytes(digest, "big") >> max(0, 256 - self.n.bit_length())
        seed = digest + self.private.to_bytes(self.order_size, "big")
        nonce = int.from_bytes(hashlib.sha512(seed).digest(), "big") % (self.n - 1) + 1
        r = self._times(nonce)[0] % self.n
        return r, pow(nonce, -1, self.n) * (number + r * self.private) % self.n

    def raw(self, data: bytes) -> bytes:
        return b"".join(part.to_bytes(self.order_size, "big") for part in self.sign(data))

    def der(self, data: bytes) -> bytes:
        parts = [part.to_bytes(part.bit_length() // 8 + 1, "big") for part in self.sign(data)]
        body = b"".join(bytes([2, len(part)]) + part for part in parts)
        return bytes([0x30, len(body)]) + body


def alfen(key: Signer, kind: str, *, time: int, value: int, page: int, index: int, **fields: Any) -> str:
    """One line of 2.2."""
    command = {"0": 1 << 13, "1": 1 << 12, "2": 1 << 11}[kind]
    data = bytes.fromhex("0A54414C460000000001") + b"v016" + b"\x12\x34" + bytes.fromhex("0A01454D480000000001")
    data += struct.pack("<HHII", fields.get("meter", 0), fields.get("adapter", command), index, time)
    data += bytes.fromhex("0100010800FF") + struct.pack("<Bbq", 30, -1, value)
    data += fields.get("uid", b"04A1B2C3").ljust(20, b"\0") + struct.pack("<II", fields.get("session", 77), page)
    assert len(data) == 82
    parts = [base64.b32encode(part).decode() for part in (key.compressed, data, key.raw(data))]
    return ";".join(["AP", kind, "3", *parts])


def block(
    *,
    time: int,
    value: int,
    page: int,
    index: int,
    status: int = 8,
    log: bytes = b"\0\1",
    contract: bytes = b"ABC",
    identified: int = 1_714_550_300,
    server: str = "0901454D480000000001",
) -> bytes:
    """The 320 bytes of 2.3."""
    data = bytes.fromhex(server) + struct.pack("<IBII", time, status, index, page) + bytes.fromhex("0100011100FF")
    data += struct.pack("<BbQ", 30, -1, value) + log + contract.ljust(128, b"\0") + struct.pack("<I", identified)
    return data.ljust(320, b"\0")


def _octets(data: bytes) -> bytes:
    """An SML octet string (2.4); from 15 bytes on with a second length byte."""
    size = len(data) + 1
    return (bytes([size]) if size < 16 else bytes([0x80 | (size + 1) >> 4, (size + 1) & 15])) + data


def _number(value: int, size: int, kind: int = 6) -> bytes:
    return bytes([kind << 4 | size + 1]) + value.to_bytes(size, "big", signed=kind == 5)


def _list(*items: bytes) -> bytes:
    return bytes([0x70 | len(items)]) + b"".join(items)


def _crc(data: bytes) -> bytes:
    """CRC-16/X-25, low byte first."""
    found = 0xFFFF
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = found >> 1 ^ 0x8408 if found & 1 else found >> 1
    return struct.pack("<H", found ^ 0xFFFF)


def _telegram(server: bytes, name: bytes | None, entries: list[bytes], signature: bytes) -> bytes:
    listed = _octets(name) if name else b"\x01"
    answer = _list(b"\x01", _octets(server), listed, b"\x01", _list(*entries), _octets(signature), b"\x01")
    message = b"\x76" + _octets(b"\1") + _number(0, 1) + _number(0, 1) + _list(_number(0x0701, 2), answer)
    message += b"\x63" + _crc(message) + b"\0"
    fill = -len(message) % 4
    data = bytes.fromhex("1b1b1b1b01010101") + message + b"\0" * fill + bytes.fromhex("1b1b1b1b1a") + bytes([fill])
    return data + _crc(data)


def _entry(name: str, value: bytes = b"\x01", **stated: bytes) -> bytes:
    parts = [stated.get(part, b"\x01") for part in ("status", "time", "unit", "scaler")]
    return _list(_octets(bytes.fromhex(name)), *parts, value, stated.get("signature", b"\x01"))


def edl(key: Signer, *, time: int, value: int, page: int, index: int, offset: int = 120, **fields: Any) -> bytes:
    """A telegram of 2.4 whose times are UTC with their offset (kind 3)."""
    identified = fields.pop("identified", 1_714_543_100)
    local = block(
        time=time + offset * 60, value=value, page=page, index=index, identified=identified + offset * 60, **fields
    )

    def moment(utc: int) -> bytes:
        return _list(_number(3, 1), _list(_number(utc, 4), _number(60, 2, 5), _number(offset - 60, 2, 5)))

    entries = [
        _entry(
            "0100011100FF",
            _number(value, 8),
            status=_number(local[14], 1) if key.size == 24 else _number(1 << 31, 4),  # clock synchronised
            time=moment(time),
            unit=_number(30, 1),
            scaler=_number(-1, 1, 5),
        ),
        _entry("810060080001", _list(_number(1, 1), _list(_number(1, 1), _number(index, 4)))),
        _entry("8180817101FF", _number(page, 4)),
        _entry("8182815401FF", _octets(fields.get("contract", b"ABC")), time=moment(identified)),
    ]
    return _telegram(local[:10], None, entries, key.raw(local) + local[39:41])


def isa(key: Signer, name: str, *, start: tuple[int, int], actual: tuple[int, int], page: int = 5) -> bytes:
    """A telegram of 2.7: begin (``00``), update (``01``) or end (``02``); readings are time and value."""
    server, listed = bytes.fromhex("09014953410000000001"), bytes.fromhex(f"81808162{name}FF")
    inner, contract, esth, log = bytes(range(66)), b"ABC", b"E" * 20, b"\0\2"
    now, then = bytes.fromhex("0100010800FF"), bytes.fromhex("010001080080")
    data = server + struct.pack("<IB", actual[0], 0xEF) + now + struct.pack("<BbQ", 30, -1, actual[1]) + log + inner
    data += contract.ljust(128, b"\0") + struct.pack("<I", start[0]) + esth + b"\x11" + then
    data += struct.pack("<BbQ", 30, -1, start[1]) + listed + struct.pack("<I", page)
    assert len(data) == 278
    common = {"unit": _number(30, 1), "scaler": _number(-1, 1, 5)}

    def at(time: int) -> bytes:
        return _list(_number(2, 1), _number(time, 4))

    wide = _number(0x1234567890ABCDEF, 8)
    entries = [
        _entry(now.hex(), _number(actual[1], 8), status=wide, time=at(actual[0]), signature=_octets(inner), **common),
        _entry("8182815401FF", _octets(contract)),
        _entry(then.hex(), _number(start[1], 8), status=_number(0x11, 8), time=at(start[0]), **common),
        _entry("8180816101FF", _octets(esth)),
        _entry("8180C7F040FF", _number(page, 4)),
    ]
    return _telegram(server, listed, entries, key.raw(data.ljust(320, b"\0")) + log)


def edl_sig(key: Signer, data: bytes) -> str:
    """A ``signedMeterValue`` of 2.5."""
    method = "ECDSA192SHA256" if key.size == 24 else "ECDSA256SHA256"
    return (
        f'<signedMeterValue><publicKey encoding="hex">{key.xy.hex()}</publicKey>'
        f'<meterValueSignature encoding="hex">{(key.raw(data) + data[39:41]).hex()}</meterValueSignature>'
        f"<signatureMethod>{method}</signatureMethod><encodingMethod>EDL</encodingMethod>"
        f'<encodedMeterValue encoding="hex">{data.hex()}</encodedMeterValue></signedMeterValue>'
    )


def mennekes(key: Signer, *readings: tuple[int, int, int, int], offset: int = 120) -> str:
    """A bare ``ChargingProcess`` of 2.6; readings are UTC, value, page and second index."""
    identified = 1_714_543_100

    def text(utc: int) -> str:
        return datetime.fromtimestamp(utc, timezone(timedelta(minutes=offset))).isoformat()

    parts = []
    for name, (utc, value, page, index) in zip(("MeasurementStart", "MeasurementEnd"), readings, strict=True):
        local = utc + offset * 60
        data = block(time=local, value=value, page=page, index=index, identified=identified + offset * 60)
        parts.append(
            f"<{name}><Timestamp>{text(utc)}</Timestamp><Signature>{key.raw(data).hex()}</Signature>"
            f"<EventCounter>1</EventCounter><MeterStatus>8</MeterStatus><Value>{value}</Value><Scaler>-1</Scaler>"
            f"<Pagination>{page}</Pagination><SecondIndex>{index}</SecondIndex></{name}>"
        )
    return (
        f"<ChargingProcess><ServerId>0901454D480000000001</ServerId><PublicKey>{key.xy.hex()}</PublicKey>"
        f"<CustomerIdent>{b'ABC'.hex()}</CustomerIdent>"
        f"<TimestampCustomerIdent>{text(identified)}</TimestampCustomerIdent>{''.join(parts)}</ChargingProcess>"
    )


def pcdf(key: Signer, **fields: str) -> str:
    """The line of 2.8."""
    stated = {"ST": "240501080000", "CT": "240501090000", "CD": "010000", "TV": "1", "BV": "1", "CSC": "5", "SP": "1"}
    stated |= {"RV": "0010.500*kWh", "SI": "ABC*1*TX1", "CS": "12345678", "HW": "HW123456789", "DT": "0"}
    stated |= {"PK": f"04{key.xy.hex()}", **fields}
    text = "128.8.0" + "".join(f"({name}:{value})" for name, value in stated.items())
    return f"\x02{text}(SG:{key.der(text.encode()).hex()})\x03"


def emh(key: Signer, *, time: int, value: int, page: int, index: int, offset: int = 120) -> dict[str, Any]:
    """A signed value of 2.11."""
    identified = 1_714_543_100
    data = block(time=time + offset * 60, value=value, page=page, index=index, identified=identified + offset * 60)

    def moment(utc: int) -> dict[str, int]:
        return {"timestamp": utc, "localOffset": 60, "seasonOffset": offset - 60}

    return {
        "meterInfo": {"meterId": "0901454D480000000001", "publicKey": key.xy.hex()},
        "contract": {"id": "ABC", "timestampLocal": moment(identified)},
        "measurementId": f"{page:08X}",
        "measurand": {"id": "0100011100FF", "name": "ENERGY_TOTAL"},
        "measuredValue": {"timestampLocal": moment(time), "value": str(value), "scale": -1, "unitEncoded": 30},
        "additionalInfo": {"indexes": {"timer": index, "logBook": "0001"}, "status": "08"},
        "signature": key.raw(data).hex(),
    }


#: Name, kind and unit code of the values of 2.10, in the order in which they are signed.
BSM = (
    "Typ:N:255 RCR:N:30 TotWhImp:N:30 W:I:27 MA1:S:0 RCnt:N:255 OS:N:7 Epoch:N:7 TZO:I:6 EpochSetCnt:N:255 "
    "EpochSetOS:N:7 DI:N:255 DO:N:255 Meta1:S:0 Meta2:S:0 Meta3:S:0 Evt:N:255"
)


def bsm(key: Signer, *, encoding: str = "UTF-8", scales: dict[str, int] | None = None, **values: Any) -> dict[str, Any]:
    """A snapshot of 2.10; ``values`` are those of the list, ``scales`` their powers of ten where they are not 0."""
    stated = {"W": -12, "MA1": "001BZR9999", "TZO": 120, "EpochSetCnt": 1, "EpochSetOS": 5, "DI": 1, "DO": 0, "Evt": 0}
    stated |= {"Meta1": "contract-id: rfid:04a1b2c3", "Meta2": "evse-id: unknown", "Meta3": "", **values}
    data, listed = b"", []
    for name, kind, unit in (row.split(":") for row in BSM.split()):
        value, measured = stated[name], {"value": stated[name]}
        scale = (scales or {}).get(name, 0)
        if kind == "S":
            text = value.encode(encoding)
            data += struct.pack(">I", len(text)) + text
            measured |= {"valueType": "String", "valueEncoding": encoding}
        else:
            data += struct.pack(">i" if kind == "I" else ">I", value) + struct.pack("bB", scale, int(unit))
            whole = "Integer32" if kind == "I" else "UnsignedInteger32"
            measured |= {"scale": scale, "unitEncoded": int(unit), "valueType": whole}
        listed.append({"measurand": {"name": name}, "measuredValue": measured})
    zone = timezone(timedelta(minutes=stated["TZO"] if abs(stated["TZO"]) < 1440 else 0))
    return {
        "@context": "https://www.chargeit-mobility.com/contexts/bsm-ws36a-json-v1",
        "@id": f"{stated['MA1']}-{stated['RCnt']}",
        "time": datetime.fromtimestamp(stated["Epoch"], zone).isoformat(),
        "meterInfo": {"meterId": stated["MA1"], "publicKey": key.spki.hex()},
        "contract": {"type": "rfid", "id": "04a1b2c3"},
        "measurementId": stated["RCnt"],
        "value": {
            "measurand": {"name": "RCR"},
            "measuredValue": {"value": stated["RCR"], "scale": (scales or {}).get("RCR", 0)},
        },
        "additionalValues": listed,
        "signature": key.der(data).hex(),
    }


def chargeit(*values: dict[str, Any]) -> str:
    """The container of 2.9."""
    point = {"evseId": "DE*TST*E1", "placeInfo": {}}
    context = "https://www.chargeit-mobility.com/contexts/charging-station-json-v1"
    document = {"@context": context, "@id": "c1", "chargePointInfo": point, "signedMeterValues": list(values)}
    return json.dumps(document, ensure_ascii=False)
