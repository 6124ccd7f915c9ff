"""The key register of a store as rows, what is written of it, and which key a meter's records are held against."""

from __future__ import annotations

import pytest

from wattproof.errors import StorageError
from wattproof.gateway import keyregister
from wattproof.gateway.keyregister import Known, known
from wattproof.gateway.records import PublicKey, RegisteredKey
from wattproof.signed.register import KeyRegister

DAY, LATER = "2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z"
A, B, C = b"a", b"b", b"c"


def register(*rows: tuple[str, bytes, str]) -> KeyRegister:
    made = KeyRegister()
    for serial, key, state in rows:
        row, _ = made.add(key, serial, "list", DAY)
        if state == "trusted":
            made.trust(row, "looked at it", LATER)
        elif state == "revoked":
            made.revoke(key, "stolen", LATER)
    return made


@pytest.mark.parametrize(
    ("rows", "seen", "stated", "expected"),
    [
        ([], [], A, Known(A)),
        ([], [B], A, Known(B)),
        ([("M", A, "seen")], [B], A, Known(B)),
        ([("M", A, "trusted")], [B], B, Known(A)),
        ([("M", A, "trusted"), ("M", C, "trusted")], [B], A, Known(A)),
        ([("M", A, "trusted"), ("M", C, "trusted")], [B], B, Known(C)),
        ([("", A, "trusted")], [B], A, Known(A)),
        ([("", A, "trusted")], [B], B, Known(B)),
        ([("N", A, "trusted")], [B], A, Known(B)),
        ([("M", B, "revoked")], [B], B, Known(B, revoked=True)),
        ([("N", B, "revoked")], [B], B, Known(B, revoked=True)),
        ([("M", B, "revoked"), ("M", A, "trusted")], [B], B, Known(A)),
        ([("", A, "revoked")], [], A, Known(A, revoked=True)),
    ],
)
def test_the_key_that_counts(
    rows: list[tuple[str, bytes, str]], seen: list[bytes], stated: bytes, expected: Known
) -> None:
    pinned = [PublicKey("M", key, number) for number, key in enumerate(seen)]
    assert known(register(*rows), pinned, "M", stated) == expected


def test_only_what_changed_is_written_and_read_as_it_was() -> None:
    before, after = (register(("M", A, "seen"), ("M", B, "trusted")) for _ in range(2))
    assert keyregister.changes(before, after) == []
    _row, _ = after.add(C, "", "letter", LATER)
    after.trust(after.of_meter("M")[0], "looked at it", LATER)
    written = keyregister.changes(before, after)
    assert [(one.serial, one.key, one.history[-1][1]) for one in written] == [("M", A, "trusted"), ("", C, "seen")]
    every = keyregister.changes(KeyRegister(), after)
    again = KeyRegister(keyregister.rows_of(reversed(every)))
    assert {(row.serial, row.key, tuple(row.history)) for row in again} == {
        (row.serial, row.key, tuple(row.history)) for row in after
    }


@pytest.mark.parametrize("history", [[], [(DAY, "believed", "x")]])
def test_a_damaged_row_stops_everything(history: list[tuple[str, str, str]]) -> None:
    with pytest.raises(StorageError, match="damaged at meter 'M'"):
        KeyRegister(keyregister.rows_of([RegisteredKey("M", A, history)]))
