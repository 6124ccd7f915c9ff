"""Records of several sessions thrown together, and labels exchanged: never an ok session that no meter signed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TIMES = [f"2024-03-01T{hour:02d}:00:00,000+0100 S" for hour in range(8, 20)]
LABELS = ("Transaction.Begin", "Transaction.End", None)


def _session(forge: Any, first: int, values: tuple[str, str, str], **fields: Any) -> list[str]:
    """Begin, intermediate and end of one session, a record each, with pages in a row."""
    readings = zip("BCE", values, TIMES[first : first + 3], strict=True)
    return [
        forge.ocmf([forge.reading(code, value, time)], PG=f"T{first + position + 1}", **fields)
        for position, (code, value, time) in enumerate(readings)
    ]


@pytest.mark.proves("T-120")
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_splice_is_never_ok(forge: Any, new_forge: Any, data: st.DataObject) -> None:
    """Two sessions of one meter in a row, one of another meter, user or key: only a whole session may be ok."""
    other = new_forge(identity="another key")
    change = data.draw(st.sampled_from(({"MS": "METER0002"}, {"ID": "AABBCCDD"}, {"GS": "GW0002"}, {})))
    sessions = [
        _session(forge, 0, ("1.0", "2.0", "3.0")),
        _session(forge, 3, ("3.0", "5.0", "7.0")),
        _session(other if not change else forge, 0, ("1.5", "2.5", "3.5"), **change),
    ]
    records = {record: (number, place) for number, one in enumerate(sessions) for place, record in enumerate(one)}
    keys = {record: (other if number == 2 and not change else forge).key for record, (number, _) in records.items()}
    chosen = data.draw(st.lists(st.sampled_from(sorted(records)), min_size=2, max_size=5))
    labels = [data.draw(st.sampled_from(LABELS)) for _ in chosen]
    document = forge.xml(*((record, "1", label) for record, label in zip(chosen, labels, strict=True)), key="KEY")
    for record in chosen:
        document = document.replace(b'<publicKey encoding="plain">KEY<', f"<publicKey>{keys[record]}<".encode(), 1)
    from wattproof.signed import examine

    report = examine(document, now=1_800_000_000)
    for session, entry in zip(report.sessions, report.as_dict()["sessions"], strict=True):
        if session.verdict != "ok":
            continue
        (number,) = {records[record.text][0] for record in session.records}
        assert [records[record.text][1] for record in session.records] == [0, 1, 2]
        assert entry["energy"]["value"] == {0: "2.0", 1: "4.0", 2: "2.0"}[number]


@pytest.mark.proves("T-121")
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_order_and_labels_never_give_other_values(forge: Any, data: st.DataObject) -> None:
    records = _session(forge, 0, ("1.0", "2.0", "3.0"))
    (right,) = forge.examine(forge.xml(*((record, "1") for record in records))).as_dict()["sessions"]
    assert right["verdict"] == "ok"
    values = [(record, "1", data.draw(st.sampled_from(LABELS))) for record in data.draw(st.permutations(records))]
    for entry in forge.examine(forge.xml(*values)).as_dict()["sessions"]:
        same = all(entry[name] == right[name] for name in ("begin", "end", "energy"))
        assert entry["verdict"] == "fail" or same


@pytest.mark.proves("T-121")
def test_a_complete_record_does_not_depend_on_its_label(forge: Any) -> None:
    record = forge.session()
    shown = [
        {name: entry[name] for name in ("id", "verdict", "begin", "end", "energy")}
        for label in (*LABELS, "Sample.Periodic")
        for entry in forge.examine(forge.xml((record, "1", label))).as_dict()["sessions"]
    ]
    assert shown == [shown[0]] * 4 and shown[0]["verdict"] == "ok"
