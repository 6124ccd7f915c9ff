"""What a key register says to a record: which key to trust for it, and what the user should be told.

The register never changes a verdict but by offering a trusted key; everything else it knows is a finding.

======================  =====  =================================================================================
``F-KEY-REGISTER``      info   the register trusts this key for this meter, since when and from where
``F-KEY-SEEN``          info   a key of this meter was seen before, but is not trusted
``F-KEY-CHANGED``       warn   this meter is known with another key
``F-KEY-SERIAL``        warn   this key is known as that of another meter
``F-KEY-REVOKED``       error  this key was revoked
======================  =====  =================================================================================

Source: verifier specification, 0.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from wattproof.signed import keys, verification
from wattproof.signed.records import Finding, KeySource, Record, Severity, Verdict
from wattproof.signed.register import ANY, KeyRegister, Row, State
from wattproof.signed.units import KeyText, Unit

REGISTER, SEEN, CHANGED, SERIAL, REVOKED = (
    f"F-KEY-{name}" for name in ("REGISTER", "SEEN", "CHANGED", "SERIAL", "REVOKED")
)
#: Keys of no meter in particular that are tried on a record that has none beside it.
_MOST_TRIED = 64
_SHOWN = 64


def serials(record: Record) -> tuple[str, ...]:
    """Serial numbers under which a record's signer may be registered."""
    names = (*record.identity_texts, record.meter_serial or "", record.gateway_serial or "")
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip()))


def signer(record: Record) -> str | None:
    """The serial number to register a record's key for: the meter's if that identifies the signer, else the signer's
    own (0.8)."""
    names = serials(record)
    meter = (record.meter_serial or "").strip()
    if meter and meter in [name.strip() for name in record.identity_texts]:
        return meter
    return names[0] if names else None


def trusted_key(register: KeyRegister, unit: Unit) -> KeyText | None:
    """The key that the register trusts for a unit's signer: for its meter if there is one, else for its gateway; where
    several are, the one that stands beside the record or verifies it."""
    if unit.algorithm is None:
        return None
    meter = (unit.record.meter_serial or "").strip()
    # A key that is trusted for the gateway alone says nothing about a meter whose own key is known.
    own = _trusted(register.of_meter(meter)) if meter else []
    own = own or _trusted(row for serial in serials(unit.record) for row in register.of_meter(serial))
    any_meter = _trusted(register.of_meter(ANY))
    if not own and not any_meter:
        return None
    curve = unit.algorithm.curve if unit.algorithm.method == "ECDSA" else unit.algorithm.method
    beside = {
        decoded.key.spki
        for text in unit.keys
        if (decoded := verification.resolved(text, unit.algorithm, curve)).key is not None
    }
    for row in (*own, *any_meter):
        if row.key in beside:
            return _key_text(row)
    if len(own) == 1:
        return _key_text(own[0])
    for row in own if own or unit.keys else any_meter[:_MOST_TRIED]:
        if verification.would_verify(unit, keys.resolve(_key_text(row)).key):
            return _key_text(row)
    return _key_text(own[-1]) if own else None


def _trusted(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.state is State.TRUSTED]


def _key_text(row: Row) -> KeyText:
    return KeyText(row.key, KeySource.TRUSTED)


def findings(register: KeyRegister, record: Record) -> list[Finding]:
    """What the register knows of a judged record's key and signer."""
    if record.signature.verdict in (Verdict.FORMAT_ERROR, Verdict.UNSUPPORTED):
        return []
    names = serials(record)
    rows = [row for name in names for row in register.of_meter(name)]
    key = record.signature.public_key
    if key is None:
        waiting = [row for row in rows if row.state is State.SEEN]
        return [_seen(waiting[0])] if waiting and record.signature.verdict is Verdict.NO_KEY else []
    same = register.of_key(key)
    revoked = next((row for row in same if row.state is State.REVOKED), None)
    if revoked is not None:
        message = f"this key was revoked on {revoked.last.time}: {_shown(revoked.last.source)}"
        return [Finding(REVOKED, Severity.ERROR, message, "key")]
    bound = [row for row in same if row.serial == ANY or row.serial in names]
    trusting = next((row for row in bound if row.state is State.TRUSTED), None)
    if trusting is not None:
        return [_trusted_since(trusting)] if record.signature.key_source is KeySource.TRUSTED else []
    if bound:
        return [_seen(bound[0])]
    told = []
    others = [row for row in rows if row.state is not State.REVOKED]
    if others:
        told.append(_changed(others))
    if same:
        meters = ", ".join(dict.fromkeys(_shown(row.serial) for row in same[:8]))
        message = f"this key is known as that of another meter: {meters}"
        told.append(Finding(SERIAL, Severity.WARNING, message, "key"))
    return told


def _trusted_since(row: Row) -> Finding:
    whom = f"meter {_shown(row.serial)}" if row.serial else "any meter"
    message = f"the key register trusts this key for {whom} since {row.last.time}: {_shown(row.last.source)}"
    return Finding(REGISTER, Severity.INFO, message, "key")


def _seen(row: Row) -> Finding:
    message = (
        f"key {row.fingerprint[:16]} of meter {_shown(row.serial) or '(any)'} was first seen on {row.first.time} "
        f"({_shown(row.first.source)}) and is not trusted: compare it with the meter, then 'wattproof keys trust'"
    )
    return Finding(SEEN, Severity.INFO, message, "key")


def _changed(rows: list[Row]) -> Finding:
    known = next((row for row in rows if row.state is State.TRUSTED), rows[0])
    word = "trusted" if known.state is State.TRUSTED else "first seen"
    when = known.last if known.state is State.TRUSTED else known.first
    message = (
        f"meter {_shown(known.serial)} is known with another key, {known.fingerprint[:16]}, {word} on {when.time} "
        f"({_shown(when.source)})"
    )
    return Finding(CHANGED, Severity.WARNING, message, "key")


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
