"""EDL blocks of neutral readings, and their files: SML telegrams (EDL_40_P) and XML (EDL_40_SIG, EDL_40_MENNEKES).

Readers: :mod:`.edl_sml`, :mod:`.edl_xml`, :mod:`.mennekes`; source: specification of the verifier, 2.3 to 2.6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from wattproof.errors import InvalidValue
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats import edl, edl_sml, edl_xml, mennekes, safe_xml, sml_export
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.edl import Block
from wattproof.signed.formats.samples import Sample
from wattproof.signed.records import Moment

CURVES = ("secp192r1", "secp256r1")
SERIAL = "09015453540000000001"
LOG = bytes.fromhex("0008")
LIST_NAME = bytes.fromhex("8180817303ff")
_LABELS = {Moment.BEGIN: safe_xml.BEGIN, Moment.END: safe_xml.END}
_WIDE = {narrow: wide for wide, narrow in edl_sml.WIDE_STATUS}


def block(
    sample: Sample, *, serial: str = SERIAL, user: str = "1F2D3A4F5506C7", identified: int | None = None
) -> Block:
    """The signed fields of a reading. ``identified``: when the user was, in local seconds. Raises ``InvalidValue``."""
    return Block(
        common.server_id(serial),
        sample.local,
        edl.SYNCHRONISED,
        sample.second_index,
        sample.page,
        sample.counter(-1),
        LOG,
        bytes.fromhex(user),
        sample.local if identified is None else identified,
    )


def telegram(sample: Sample, found: Block, signature: bytes, _: PublicKey | None = None) -> bytes:
    """The SML telegram of a block."""
    wide = len(signature) == 64
    status = sum((found.status >> narrow & 1) << at for narrow, at in _WIDE.items()) if wide else found.status
    local = sml_export.local_time
    entries = [
        sml_export.entry(
            edl_sml.CONTRACT, sml_export.octets(found.contract_id), time=local(found.contract_time, sample.offset)
        ),
        sml_export.entry(
            found.obis,
            sml_export.integer(found.value, 8),
            status=sml_export.unsigned(status, 4),
            time=local(found.timestamp, sample.offset),
            unit=found.unit,
            scaler=found.scaler,
        ),
        sml_export.entry(edl_sml.SECOND_INDEX, sml_export.choice(1, sml_export.index_time(found.second_index))),
        sml_export.entry(edl_sml.PAGINATION, sml_export.unsigned(found.pagination, 4)),
    ]
    numbers = (
        (edl.HISTORICAL, found.historical, 8),
        (edl.COMPENSATED, found.compensated, 8),
        (edl_sml.RESISTANCE, found.resistance, 2),
        (edl_sml.STOP_WATCH, found.stop_watch, 4),
        (edl_sml.PRICE, int.from_bytes(found.price, "big"), 2),
        (edl_sml.VERSION, 4 if wide else 0, 1),
    )
    entries += [sml_export.entry(code, sml_export.unsigned(number, size)) for code, number, size in numbers if number]
    return sml_export.list_telegram(found.server_id, LIST_NAME, entries, signature + found.log)


def signed_meter_value(_: Sample, found: Block, signature: bytes, key: PublicKey | None) -> bytes:
    """The ``signedMeterValue`` element of a block."""

    def text(name: str, data: bytes) -> str:
        return f'<{name} encoding="base64">{base64.b64encode(data).decode("ascii")}</{name}>'

    method = "ECDSA256SHA256" if len(signature) == 64 else "ECDSA192SHA256"
    parts = [
        text("publicKey", common.coordinates(key)) if key is not None else "",
        text("meterValueSignature", signature + found.log),
        f"<signatureMethod>{method}</signatureMethod><encodingMethod>EDL</encodingMethod>",
        text("encodedMeterValue", found.encode()),
    ]
    return f"<{edl_xml.VALUE}>{''.join(parts)}</{edl_xml.VALUE}>".encode("ascii")


def value_list(signed: Sequence[tuple[Sample, Block, bytes]], key: PublicKey | None) -> bytes:
    """The list ``signedMeterValues``, which has no labels of begin and end."""
    inner = b"\n".join(signed_meter_value(*part, key) for part in signed)
    name = edl_xml.LIST.encode("ascii")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n<' + name + b">\n" + inner + b"\n</" + name + b">\n"


def write(
    samples: Sequence[Sample],
    key: SigningKey,
    *,
    format: str = edl_sml.TOKEN,
    serial: str = SERIAL,
    user: str = "1F2D3A4F5506C7",
    transaction: int | str = 1,
    public_key: PublicKey | None = None,
    embed: bool = True,
    changes: Mapping[str, Any] | None = None,
) -> bytes:
    """A S.A.F.E. container with one record a reading (``EDL_40_P`` or ``EDL_40_SIG``), or a Mennekes billing file.

    ``public_key`` stands beside the records instead of the signer's, none without ``embed``; ``changes`` replace
    fields of the last block after it was signed. Raises ``InvalidValue``.
    """
    public: PublicKey | None = common.on_curve(key, *(CURVES[:1] if format == mennekes.TOKEN else CURVES))
    public = (public_key or public) if embed else None
    signed: list[tuple[Sample, Block, bytes]] = []
    for position, sample in enumerate(samples):
        found = block(sample, serial=serial, user=user, identified=samples[0].local)
        try:
            signature = common.sign_raw(key, found.encode())
            found = common.changed(found, changes if position == len(samples) - 1 else None)
            found.encode()
        except ValueError as error:
            raise InvalidValue(str(error)) from None
        signed.append((sample, found, signature))
    if format == mennekes.TOKEN:
        return billing(signed, public)
    records = []
    for sample, found, signature in signed:
        if format == edl_sml.TOKEN:
            record = telegram(sample, found, signature).hex().encode("ascii")
        else:
            record = signed_meter_value(sample, found, signature, public)
        beside = common.coordinates(public) if format == edl_sml.TOKEN else b""
        records.append(safe_xml.Signed(record, _LABELS.get(sample.moment), beside, format))
    return safe_xml.write(records, transaction)


def billing(signed: Sequence[tuple[Sample, Block, bytes]], key: PublicKey | None) -> bytes:
    """A Mennekes billing file of readings with their blocks and signatures (r and s side by side)."""
    first = signed[0][1]
    names = {moment: name for name, moment in mennekes.MEASUREMENTS}
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<Billing xmlns="{mennekes.NAMESPACE}"><BillingPeriods><BillingPeriod><ChargingProcesses><ChargingProcess>',
        f"<ServerId>{first.server_id.hex().upper()}</ServerId>",
        f"<PublicKey>{common.coordinates(key).hex().upper()}</PublicKey>" if key is not None else "",
        f"<CustomerIdent>{first.contract_id.hex().upper()}</CustomerIdent>",
    ]
    for sample, found, signature in signed:
        if sample.moment not in (Moment.BEGIN, Moment.END):
            raise InvalidValue("a Mennekes charging process holds begin and end only: leave other readings out")
        fields = {
            "TimestampCustomerIdent": _iso(found.contract_time, sample.offset),
            "Timestamp": _iso(found.timestamp, sample.offset),
            "Signature": (signature + found.log).hex().upper(),
            "EventCounter": int.from_bytes(found.log, "big"),
            "MeterStatus": found.status,
            "Value": found.value,
            "Scaler": found.scaler,
            "Pagination": found.pagination,
            "SecondIndex": found.second_index,
        }
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        lines.append(f"<{names[sample.moment]}>{inner}</{names[sample.moment]}>")
    lines.append("</ChargingProcess></ChargingProcesses></BillingPeriod></BillingPeriods></Billing>")
    return ("\n".join(filter(None, lines)) + "\n").encode("ascii")


def _iso(local: int, offset: int) -> str:
    zone = timezone(timedelta(minutes=offset))
    return datetime.fromtimestamp(local - 60 * offset, UTC).astimezone(zone).isoformat()
