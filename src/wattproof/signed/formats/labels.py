"""What containers call the formats of their records: a hint that the content outweighs.

Source: specification of the verifier, 0.5 (labels seen).
"""

from __future__ import annotations

from wattproof.signed.records import Finding, Record, Severity

_EDL = frozenset({"EDL_40_P", "EDL_40_SIG", "EDL_40_MENNEKES", "ISA_EDL_40_P", "EMH"})

#: Label in lower case to the formats that it may mean.
LABELS = {
    "ocmf": frozenset({"OCMF"}),
    "alfen": frozenset({"ALFEN"}),
    "edl_40_p": frozenset({"EDL_40_P"}),
    "sml_edl40_p": frozenset({"EDL_40_P"}),
    "isa_edl_40_p": frozenset({"ISA_EDL_40_P"}),
    "edl_40_sig": frozenset({"EDL_40_SIG"}),
    "edl_40_mennekes": frozenset({"EDL_40_MENNEKES"}),
    "pcdf": frozenset({"PCDF"}),
    "edl": _EDL,
    # names that the description of OCPI lists
    "alfen eichrecht": frozenset({"ALFEN"}),
    "edl40 e-mobility extension": _EDL,
    "edl40 mennekes": _EDL,
}


def check(record: Record, label: str | None) -> None:
    """Notes a label that contradicts what the record is."""
    if label is None or record.format == "unknown":
        return
    if record.format not in LABELS.get(label.strip().lower(), frozenset()):
        message = f"labelled {label[:40]!r}, but it is {record.format}"
        record.findings.append(Finding("F-FORMAT-LABEL", Severity.WARNING, message))
