"""What the verifier says about signed records and sessions when they come in, with the meter's key as it is known."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from wattproof.drivers.charging import NO_STATION, SignedRecord
from wattproof.errors import InvalidValue
from wattproof.gateway.keyregister import Known
from wattproof.meters import registry
from wattproof.signed import examine, testkeys
from wattproof.signed.curves import CURVES
from wattproof.signed.register import KeyRegister

#: How a record looks that is kept as registers: by whether its signature holds.
REGISTERS = {True: ("valid", "green"), False: ("invalid", "red"), None: ("no-key", "grey")}


@dataclass(frozen=True, slots=True)
class Judge:
    """``allow_test_keys``: whether published test keys, with which anybody can sign, count like others."""

    allow_test_keys: bool = False

    def record(self, taken: SignedRecord, known: Known, serial: str) -> tuple[str, str]:
        """Signature and colour of one record of the meter with this serial number; a revoked key proves nothing."""
        signature, overall = self._record(taken, known.key, serial)
        return signature, "yellow" if known.revoked and overall == "green" else overall

    def _record(self, taken: SignedRecord, key: bytes, serial: str) -> tuple[str, str]:
        if not is_ocmf(taken):
            return self._registers(taken, key, serial)
        report = examine(taken.words.encode(), key or None, allow_test_keys=self.allow_test_keys).as_dict()
        if report["records"]:
            first = report["records"][0]
            return first["signature"], first["overall"]
        return "format-error", "red"

    def _registers(self, taken: SignedRecord, key: bytes, serial: str) -> tuple[str, str]:
        valid = getattr(taken, "valid", None)
        if valid and key and taken.key != key:
            valid = False
        signature, overall = REGISTERS[valid]
        published = [testkeys.public_key(curve, serial).spki for curve in CURVES]
        if valid and not self.allow_test_keys and taken.key in published:
            overall = "yellow"
        return signature, overall

    def session(
        self, family: str, record: Any, known: Known, register: KeyRegister
    ) -> tuple[str, bytes, dict[str, Any]] | None:
        """The session as one file that the verifier reads: name of its format, the file, and what the verifier says.

        ``None`` while there is no begin and end.
        """
        if not record.whole:
            return None
        for name in ("safe-xml", "chargy"):
            format = registry.family(family).load("formats").get(name)
            if format is None:
                continue
            with contextlib.suppress(InvalidValue):
                document = format.write(record, NO_STATION)
                key = None if known.revoked else known.key or None
                options: dict[str, Any] = {"register": register} if len(register) else {}
                report = examine(document, key, allow_test_keys=self.allow_test_keys, **options)
                return name, document, report.as_dict()
        return None


def is_ocmf(taken: SignedRecord) -> bool:
    """Whether it is kept as an OCMF text; else as registers."""
    return taken.words.startswith("OCMF|")
