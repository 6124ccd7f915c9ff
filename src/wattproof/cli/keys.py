"""`wattproof keys`: the register of meters' public keys - first seen, trusted, revoked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from wattproof.cli import output
from wattproof.cli.keyfile import changing, load, now, register_path
from wattproof.errors import UsageError

if TYPE_CHECKING:
    from wattproof.cli.keysources import Offer
    from wattproof.signed.register import KeyRegister, Row

_SHOWN = 60


def command(
    action: Literal["add", "list", "trust", "revoke", "import"],
    /,
    *items: Annotated[str, Parameter(allow_leading_hyphen=True)],
    serial: str | None = None,
    trust: bool = False,
    any_meter: bool = False,
    source: str | None = None,
    reason: str | None = None,
    register: Annotated[str | None, Parameter(name="--keys")] = None,
    json: bool = False,
) -> int:
    """Keep the public keys of meters: first seen, trusted, revoked. `wattproof verify` asks this register.

    A key that comes with a record proves only that record and key belong together. Here you say which key is the
    meter's: compare it with the code on the meter's front, then trust it. Records of that meter are green from then
    on; a differing key and a revoked one are told.

    `add KEY` puts a key in as seen (with --trust as trusted), `import FILE...` all keys of files: the code on a meter's
    front as text or as a photo (PNG, JPEG, TIFF, WebP, PDF; needs the extra `documents`), lines of serial number and
    key, the JSON line of `wattproof simulate`, signed records (only those that are valid), or the data directory of a
    gateway. `trust` and `revoke` take serial numbers, fingerprints
    (eight digits or more) or keys. A revoked key stays revoked, for every meter.

    The register is a file that only you can read and write: --keys FILE, or the environment variable WATTPROOF_KEYS, or
    ~/.local/share/wattproof/keys.json. Or it lies in the store of a gateway: --keys DIRECTORY, its data directory,
    whether the gateway runs or not; sessions that the gateway takes are held against the keys that it trusts.

    Exit codes: 0 done; 2 misuse (no such key or meter, a revoked key); 5 the register cannot be read or written.

    Examples:

        wattproof keys add AC3059301306072A86... --serial 001BZR1521070006 --trust
        wattproof keys add @meter.pem --serial 001BZR1521070006 --source "delivery note 4711"
        wattproof keys import front-code.txt --serial 001BZR1521070006
        wattproof keys import photo.jpg --serial 001BZR1521070006 --trust
        wattproof keys import session.xml ~/.local/share/wattproof
        wattproof keys list
        wattproof keys list --keys /var/lib/wattproof
        wattproof keys trust 001BZR1521070006 --source "read off the meter"
        wattproof keys revoke 9a0c33b1f6e2d5a4 --reason "meter stolen"

    Parameters
    ----------
    action
        add, list, trust, revoke or import.
    items
        Keys (text, or @FILE), files, directories, serial numbers or fingerprints, as the action wants them.
    serial
        The meter's serial number, as its records state it, for add and for imported keys without one.
    trust
        Trust what is added or imported.
    any_meter
        Add the key for any meter instead of one serial number.
    source
        Where the key comes from, for the history (default: what is named on the command line).
    reason
        Why a key is revoked, for the history.
    register
        The register's file, or the data directory of a gateway.
    json
        Print JSON.
    """
    path = register_path(register)
    if path is None:
        raise UsageError("--keys none: name the file of the key register")
    _refuse_misplaced(action, items, serial, trust, any_meter, source, reason)
    if action == "list":
        return _list(path, items, json)
    with changing(path) as keys:
        if action in ("trust", "revoke"):
            rows = _decide(keys, action, items, (reason if action == "revoke" else source) or "command line")
        else:
            offers = _offers(action, items, serial, any_meter, source)
            rows = _put(keys, offers, trust)
    if json:
        output.print_json({"keys": [_as_dict(row) for row in rows]})
        return 0
    for row in rows:
        whom = f"meter {output.escape(row.serial)}" if row.serial else "any meter"
        output.say(f"{row.state.value:<8} {row.fingerprint[:16]}  {whom}")
    if not trust and any(row.state.value == "seen" for row in rows):
        output.note("seen keys are not trusted: compare them with the meters, then 'wattproof keys trust'")
    return 0


def _refuse_misplaced(
    action: str,
    items: tuple[str, ...],
    serial: str | None,
    trust: bool,
    any_meter: bool,
    source: str | None,
    reason: str | None,
) -> None:
    adding = action in ("add", "import")
    if not items and action != "list":
        raise UsageError(f"nothing to {action}: see 'wattproof keys --help'")
    for item in items:
        if item.startswith("-") and item != "-":
            raise UsageError(f"unknown option {item}: see 'wattproof keys --help'")
    if not adding and (serial is not None or trust or any_meter):
        raise UsageError(f"--serial, --trust and --any-meter belong to add and import, not to {action}")
    if serial is not None and any_meter:
        raise UsageError("--serial and --any-meter exclude each other")
    if reason is not None and action != "revoke":
        raise UsageError(f"--reason belongs to revoke, not to {action}")
    if source is not None and action in ("list", "revoke"):
        raise UsageError(f"--source does not belong to {action}")
    if action == "add" and serial is None and not any_meter:
        raise UsageError("whose key is it? Give the meter's --serial, or --any-meter")


def _offers(
    action: str, items: tuple[str, ...], serial: str | None, any_meter: bool, source: str | None
) -> list[Offer]:
    from wattproof.cli import keysources

    serial = "" if any_meter else serial
    if action == "add":
        return [keysources.given(item, serial or "", source) for item in items]
    return [offer for item in items for offer in keysources.read(item, serial, source)]


def _put(register: KeyRegister, offers: list[Offer], trust: bool) -> list[Row]:
    """Add what was found; a key that differs from one this meter has is told."""
    rows: dict[int, Row] = {}
    for offer in offers:
        before = list(register.of_meter(offer.serial)) if offer.serial else []
        row, new = register.add(offer.key, offer.serial, offer.source, offer.time or now())
        if new and before:
            others = ", ".join(f"{known.fingerprint[:16]} ({known.state.value})" for known in before)
            output.warn(
                f"meter {output.escape(row.serial)} has another key now, {row.fingerprint[:16]}, beside {others}"
            )
        if trust:
            register.trust(row, offer.source, now())
        elif row.state.value == "revoked":
            why = output.escape(row.last.source)
            output.warn(f"key {row.fingerprint[:16]} was revoked on {row.last.time}: {why}")
        rows[id(row)] = row
    return list(rows.values())


def _decide(register: KeyRegister, action: str, items: tuple[str, ...], why: str) -> list[Row]:
    rows: dict[int, Row] = {}
    for item in items:
        for row in register.find(item):
            if action == "revoke":
                register.revoke(row.key, why, now())
                rows.update((id(other), other) for other in register.of_key(row.key))
                continue
            others = [
                other for other in register.of_meter(row.serial) if other is not row and other.state.value == "trusted"
            ]
            register.trust(row, why, now())
            rows[id(row)] = row
            if others:
                whom = output.escape(row.serial) or "(any)"
                output.warn(f"meter {whom} now has {len(others) + 1} trusted keys: revoke the old one")
    return list(rows.values())


def _list(path: Path, items: tuple[str, ...], json: bool) -> int:
    register = load(path)
    rows = list({id(row): row for item in items for row in register.find(item)}.values()) if items else list(register)
    rows.sort(key=lambda row: row.serial)
    if json:
        output.print_json({"register": str(path), "keys": [_as_dict(row) for row in rows]})
        return 0
    if not rows:
        output.say(f"no keys in {path}")
        return 0
    cells = [
        (
            output.escape(row.serial) or "(any)",
            row.state.value,
            _curve(row) + (", test key" if _is_test_key(row) else ""),
            row.fingerprint[:16],
            row.first.time,
            _short(row.first.source) + ("" if len(row.history) == 1 else f"; {_short(row.last.source)}"),
        )
        for row in rows
    ]
    output.show(output.table(("Meter", "State", "Curve", "Fingerprint", "First seen", "From"), cells))
    return 0


def _short(text: str) -> str:
    return output.escape(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _curve(row: Row) -> str:
    from wattproof.signed.keys import EdwardsKey, decode

    key = decode(row.key).key
    return "?" if key is None else key.name if isinstance(key, EdwardsKey) else key.curve.name


def _is_test_key(row: Row) -> bool:
    """Whether anyone can compute the private key: it is the published test key of this serial number."""
    from wattproof.signed import testkeys

    curve = _curve(row)
    if not row.serial:
        return False
    if curve in ("Ed25519", "Ed448"):
        return testkeys.edwards_spki(curve, row.serial) == row.key
    return testkeys.public_key(curve, row.serial).spki == row.key


def _as_dict(row: Row) -> dict[str, Any]:
    return {
        "serial": row.serial or None,
        "state": row.state.value,
        "fingerprint": row.fingerprint,
        "curve": _curve(row),
        "public_key": row.key.hex(),
        "test_key": _is_test_key(row),
        "history": [{"time": event.time, "state": event.state.value, "source": event.source} for event in row.history],
    }


def pin(path: Path, found: list[tuple[bytes, str, str]]) -> int:
    """Put (key, serial, source) of valid records into the register as seen, where they are not yet; how many were new.

    A meter that is known keeps its keys: another one in a record is told by `verify`, never added by itself.
    """
    new = 0
    with changing(path) as register:
        for key, serial, source in found:
            if not register.of_meter(serial):
                new += register.add(key, serial, source, now())[1]
    if new:
        sys.stderr.write(f"{new} key{'s' * (new != 1)} first seen: kept in {output.harmless(str(path))}\n")
    return new
