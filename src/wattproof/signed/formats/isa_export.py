"""An ISA data set, written. The reader is :mod:`.isa`; source: specification of the verifier, 2.7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import isa, safe_xml, sml_export
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.isa import DataSet, Value
from wattproof.signed.formats.samples import Sample
from wattproof.signed.records import Moment

CURVES = ("secp256r1",)
SERIAL = "09014953410000000001"
_STATUS = 0x18
_LABELS = {isa.BEGIN: safe_xml.BEGIN, isa.END: safe_xml.END}


def data_set(
    start: Sample, actual: Sample, kind: int = isa.END, *, serial: str = SERIAL, user: str = "1F2D3A4F5506C7"
) -> DataSet:
    """The signed fields: the value at the start and the actual one. Raises ``InvalidValue``."""
    name = next(name for name, stated in isa.LIST_NAMES.items() if stated == kind)
    return DataSet(
        common.server_id(serial),
        Value(actual.time, _STATUS, actual.counter(-1), scaler=-1),
        bytes.fromhex("00a4"),
        bytes(66),
        bytes.fromhex(user),
        Value(start.time, _STATUS, start.counter(-1), scaler=-1),
        bytes(range(0x80, 0x94)),
        name,
        actual.page,
    )


def telegram(data: DataSet, signature: bytes) -> bytes:
    """The SML telegram of a data set and its signature, r and s side by side."""

    def value(code: bytes, found: Value, inner: bytes | None) -> bytes:
        return sml_export.entry(
            code,
            sml_export.integer(found.value, 8),
            status=sml_export.unsigned(found.status, 8),
            time=sml_export.utc_time(found.timestamp),
            unit=found.unit,
            scaler=found.scaler,
            signature=inner,
        )

    entries = [
        sml_export.entry(
            isa.CONTRACT, sml_export.octets(data.contract_id), time=sml_export.utc_time(data.start.timestamp)
        ),
        value(isa.START_VALUE, data.start, None),
        sml_export.entry(isa.PAGINATION, sml_export.unsigned(data.pagination, 4)),
        sml_export.entry(isa.EVENT_STAMP, sml_export.octets(data.event_stamp)),
        value(isa.ACTUAL_VALUE, data.actual, data.inner),
    ]
    return sml_export.list_telegram(data.server_id, data.list_name, entries, signature + data.log)


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    transaction: int | str = 1,
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> bytes:
    """A S.A.F.E. container with the end data set of a session, first to last reading.

    One reading alone gives its begin data set. ``public_key`` stands beside it instead of the signer's, none without
    ``embed``; ``changes`` replace fields after signing. Raises ``InvalidValue``.
    """
    public = common.on_curve(key, *CURVES)
    kind = isa.END if samples[-1].moment is Moment.END else isa.BEGIN if len(samples) == 1 else isa.UPDATE
    data = data_set(samples[0], samples[-1], kind, serial=serial, user=user)
    try:
        signature = common.sign_raw(key, data.encode())
        data = common.changed(data, changes)
        data.encode()
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    beside = common.coordinates((public_key or public) if embed else None)
    record = telegram(data, signature).hex().encode("ascii")
    return safe_xml.write([safe_xml.Signed(record, _LABELS.get(kind), beside, isa.TOKEN)], transaction)
