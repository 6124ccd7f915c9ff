"""What the meter signs: the OCMF payload with its six readings, and the text around it (section 9)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from wattproof.meters.dmed4.virtual.message import HEAD, Fixed
from wattproof.meters.dmed4.virtual.registers import MESSAGE_BYTES
from wattproof.virtual.base import SECOND

ALGORITHM = "ECDSA-secp256r1-SHA256"
VENDOR = "LOVATO ELECTRIC"
#: RI of total import, total export and last cycle (9.4, DEC-55).
IMPORT, EXPORT, CYCLE = "01-00:B0.08.00*FF", "01-00:C0.08.00*FF", "01-00:B2.08.00*FF"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one command latched. Energies in Wh, not wrapped within a cycle; ``utc`` in nanoseconds, ``offset`` in
    minutes, ``flag`` the letter of the time, ``errors`` EF and ``state`` ST."""

    transaction: str
    utc: int
    offset: int
    flag: str
    imported: int
    exported: int
    cycle: int
    errors: str = ""
    state: str = "G"

    @property
    def time(self) -> str:
        """TM: local time with milliseconds and offset."""
        zone = timezone(timedelta(minutes=self.offset))
        moment = datetime.fromtimestamp(self.utc // SECOND, UTC).astimezone(zone)
        return f"{moment:%Y-%m-%dT%H:%M:%S},{self.utc % SECOND // 1_000_000:03d}{moment:%z} {self.flag}"

    def as_dict(self) -> dict[str, Any]:
        """For the state file."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Identity:
    """The fields that the meter fills besides PG, and its RI codes."""

    model: str
    serial: str
    firmware: str
    import_code: str = IMPORT
    export_code: str = EXPORT
    cycle_code: str = CYCLE


def kilowatt_hours(energy: int) -> str:
    """RV: kWh with exactly three decimals of an energy in Wh.

    >>> kilowatt_hours(1234567), kilowatt_hours(0)
    ('1234.567', '0.000')
    """
    return f"{energy // 1000}.{energy % 1000:03d}"


def _readings(reading: Reading, cycle: int, identity: Identity) -> str:
    """Total import, total export and cycle energy of one moment."""
    state = reading.state
    return (
        f'{{"TM":"{reading.time}","TX":"{reading.transaction}","RV":{kilowatt_hours(reading.imported)},'
        f'"RI":"{identity.import_code}","RU":"kWh","RT":"DC","EF":"{reading.errors}","ST":"{state}"}},'
        f'{{"RV":{kilowatt_hours(reading.exported)},"RI":"{identity.export_code}","RU":"kWh","ST":"{state}"}},'
        f'{{"RV":{kilowatt_hours(cycle)},"RI":"{identity.cycle_code}","RU":"kWh","ST":"{state}"}}'
    )


def payload(fixed: Fixed, number: int, identity: Identity, begin: Reading, end: Reading) -> bytes:
    """The payload: fields of the client in their order, those of the meter in place or behind them, RD last."""
    ours = {
        "PG": f"T{number}",
        "MV": VENDOR,
        "MM": identity.model,
        "MS": identity.serial,
        "MF": identity.firmware,
    }
    texts = {key: json.dumps(value) for key, value in ours.items()}
    fields = [(key, texts.pop(key, value)) for key, value in fixed.fields]
    fields += texts.items()
    readings = f"[{_readings(begin, 0, identity)},{_readings(end, end.cycle, identity)}]"
    members = [f"{json.dumps(key, ensure_ascii=False)}:{value}" for key, value in [*fields, ("RD", readings)]]
    return ("{" + ",".join(members) + "}").encode("utf-8")


#: The longest reading there can be: nine digits before the point, both error flags (9.6).
_LONGEST = Reading("B", 0, -60, "S", 199_999_999_999, 199_999_999_999, 199_999_999_999, "Et", "G")


def fits(fixed: Fixed, identity: Identity) -> bool:
    """Whether every record with these fields has at most 1024 bytes of payload."""
    begin = Reading("B", 0, -60, "S", 199_999_999_999, 199_999_999_999, 0, "E", "G")
    return len(payload(fixed, 9_999_999_999, identity, begin, _LONGEST)) <= MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class Record:
    """A signed record: progressive number, payload, DER signature, and the encoding of SD at that time."""

    number: int
    payload: bytes
    signature: bytes
    encoding: str

    @property
    def text(self) -> str:
        """``OCMF|payload|signature`` (9.1, 9.5)."""
        if self.encoding == "hex":
            data = self.signature.hex().upper()
        else:
            from base64 import b64encode

            data = b64encode(self.signature).decode("ascii")
        signature = f'{{"SA":"{ALGORITHM}","SE":"{self.encoding}","SD":"{data}"}}'
        return f"{HEAD}{self.payload.decode('utf-8')}|{signature}"


def transaction_ids(text: str) -> tuple[str, str]:
    """ID and PG of a record's text."""
    content = json.loads(text.split("|")[1])
    return str(content.get("ID", "")), str(content.get("PG", ""))
