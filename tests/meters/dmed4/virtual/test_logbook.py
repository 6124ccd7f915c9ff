"""Searching the logs of a virtual DMED4 over REST (sections 7.5 to 7.7, 10)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

OCMF, EVENTS = "logbook/OCMF", "logbook/events"


def found(one: Any, query: str = "", path: str = OCMF) -> str | int:
    """PG of the record that a search finds, the text of the event, or the status of a failure."""
    answer = one.http("GET", f"/v1/{path}?{query}".removesuffix("?"))
    if answer.status != 200:
        assert answer.body == b""
        return int(answer.status)
    content = json.loads(answer.body)
    if path == EVENTS:
        assert list(content) == ["EVENT_LOG"]
        return str(content["EVENT_LOG"])
    assert list(content) == ["OCMF_LOG"]
    return str(json.loads(content["OCMF_LOG"].split("|")[1])["PG"])


@pytest.fixture
def full(bench: Callable[..., Any]) -> Any:
    """Seven records for a log of five: T3 to T7; the cycles have the IDs alpha, T5 and alpha."""
    one = bench(ocmf_log_size="5", load="none")
    for id, commands in (("alpha", "BE"), ("T5", "BCE"), ("alpha", "BE")):
        assert one.message(f'{{"ID":"{id}"}}') == 200
        for letter in commands:
            one.signed(letter)
    return one


SEARCHES = [
    ("", "T7"), ("index_type=POS", "T7"), ("index_type=POS&index_reference=LAST", "T7"), ("index_reference=LAST", "T7"),
    ("index_type=POS&index_reference=LAST&index_value=3", "T7"), ("index_type=POS&index_reference=LAST&index_value=x",
    "T7"),
    ("index_type=POS&index_reference=FIRST", "T3"), ("index_type=POS&index_reference=FIRST&index_value=99", "T3"),
    *((f"index_type=POS&index_reference=LAST_BUT&index_value={n}", f"T{7 - n}") for n in range(5)),
    *((f"index_type=POS&index_reference=FIRST_BUT&index_value={n}", f"T{3 + n}") for n in range(5)),
    *((f"index_type=POS&index_reference={end}_BUT&index_value={n}", 404)
      for end in ("LAST", "FIRST") for n in ("5", "6", "1000", "9" * 18, "9" * 19, "9" * 3000)),
    *((f"index_type=PROGR&index_value={n}", f"T{n}") for n in range(3, 8)),
    *((f"index_type=PROGR&index_value={n}", 404) for n in ("0", "1", "2", "8", "9" * 40)),
    ("index_type=PROGR&index_reference=FIRST&index_value=7", "T7"), ("index_type=PROGR&index_value=00007", "T7"),
    ("index_type=TRANS_ID&index_value=alpha", "T7"), ("index_type=TRANS_ID&index_reference=FIRST&index_value=alpha",
    "T7"),
    ("index_type=TRANS_ID&index_value=al%70ha", "T7"), ("index_type=TRANS_ID&index_value=T4", "T4"),
    ("index_type=TRANS_ID&index_value=T6", "T6"), ("index_type=TRANS_ID&index_value=T5", "T5"),
    *((f"index_type=TRANS_ID&index_value={text}", 404) for text in ("T1", "Alpha", "alph", "T", "3", "%00", "")),
    *((query, 400) for query in (
        "index_type=POS&index_reference=LAST_BUT", "index_type=POS&index_reference=FIRST_BUT", "index_type=PROGR",
        "index_type=PROGR&index_reference=LAST", "index_type=TRANS_ID", "index_type=TRANS_ID&index_reference=LAST",
        "index_type=pos", "index_type=", "index_type=X", "index_type=POS&index_reference=last",
        "index_type=POS&index_reference=",
        "index_type=POS&index_reference=X", "colour=red", "index_type=POS&index_type=POS",
    )),
    *((f"{search}&index_value={value}", 400)
      for search in ("index_type=POS&index_reference=LAST_BUT", "index_type=POS&index_reference=FIRST_BUT",
      "index_type=PROGR")
      for value in ("", "x", "-1", "+1", "1.0", "1e0", "0x1", "T3", "1%202", "%D9%A1", "%C2%B2", "1%00")),
]  # fmt: skip


@pytest.mark.proves("D-269", "D-270", "D-271", "D-272", "D-273", "D-274", "D-275", "D-276", "D-278")
def test_every_search_finds_its_record_or_says_why_not(full: Any) -> None:
    before = full.memory["charge_status"]
    wrong = {query: got for query, expected in SEARCHES if (got := found(full, query)) != expected}
    assert wrong == {}
    assert full.memory["charge_status"] == before


@pytest.mark.proves("D-273")
def test_a_transaction_is_found_by_its_id_before_its_page(full: Any) -> None:
    """Cycle 2, records T3 to T5, has the ID T5."""
    text = full.get(f"{OCMF}?index_type=TRANS_ID&index_value=T5")["OCMF_LOG"]
    assert '"ID":"T5"' in text and '"PG":"T5"' in text
    full.message('{"ID":"T4"}')
    full.signed("B")
    assert found(full, "index_type=TRANS_ID&index_value=T4") == "T8"


@pytest.mark.proves("D-278")
@pytest.mark.parametrize("query", ["", "index_type=POS&index_reference=FIRST", "index_type=PROGR&index_value=0"])
def test_an_empty_log_finds_nothing(bench: Callable[..., Any], query: str) -> None:
    assert found(bench(), query) == 404


@pytest.mark.proves("D-161", "D-162")
def test_info_has_eight_keys_and_counts_as_the_registers(full: Any, bench: Callable[..., Any]) -> None:
    assert bench(event_log_size="77").get("logbook/info") == {
        "ocmf_max_number": 1000, "ocmf_total_number": 0, "ocmf_last_internal_progressive": 0,
        "ocmf_first_internal_progressive": 0, "events_max_number": 77, "events_total_number": 1, "log_search_status": 0,
        "log_search_position": 0,
    }  # fmt: skip
    shown = full.get("logbook/info")
    assert list(shown) == list(bench().get("logbook/info"))
    assert [shown[key] for key in shown if key.startswith("ocmf")] == [5, 5, 7, 3]
    for key, point in (
        ("ocmf_max_number", "ocmf_max"), ("ocmf_total_number", "ocmf_count"), ("events_max_number", "events_max"),
        ("events_total_number", "events_count"),
    ):  # fmt: skip
        assert shown[key] == full.raw(point)


@pytest.mark.proves("D-161")
@pytest.mark.parametrize(
    ("query", "status", "position"),
    [
        ("index_type=POS&index_reference=FIRST_BUT&index_value=1", 2, 1), ("index_type=POS&index_reference=LAST", 2, 4),
        ("index_type=TRANS_ID&index_value=T4", 2, 1), ("index_type=PROGR&index_value=4", 2, 0),
        ("index_type=PROGR&index_value=99", 3, 0), ("index_type=TRANS_ID&index_value=none", 3, 0),
    ],
)  # fmt: skip
def test_info_tells_of_the_last_search(full: Any, query: str, status: int, position: int) -> None:
    found(full, query)
    shown = full.get("logbook/info")
    assert (shown["log_search_status"], shown["log_search_position"]) == (status, position)


# events

FORM = re.compile(r'EVENT\|\{"date":"\d{4}-\d\d-\d\d","time":"\d\d:\d\d:\d\d","event_code":"\d+","arguments":"[^"]*"\}')


@pytest.mark.proves("D-283", "D-284")
def test_an_event_is_four_texts(bench: Callable[..., Any]) -> None:
    one = bench()
    one.set_time(1695970042, 120)
    one.wait(1.5).log_in()
    texts = [found(one, f"index_type=POS&index_reference=FIRST_BUT&index_value={n}", EVENTS) for n in range(4)]
    assert all(isinstance(text, str) and FORM.fullmatch(text) for text in texts)
    assert texts == [
        'EVENT|{"date":"2020-01-01","time":"00:00:00","event_code":"1","arguments":"power"}',
        'EVENT|{"date":"2023-09-29","time":"06:47:22","event_code":"2","arguments":"1577836800;1695970042"}',
        'EVENT|{"date":"2023-09-29","time":"06:47:22","event_code":"3","arguments":"0;120"}',
        'EVENT|{"date":"2023-09-29","time":"06:47:23","event_code":"7","arguments":""}',
    ]  # UTC, whatever the offset


@pytest.mark.proves("D-284")
@pytest.mark.parametrize("moment", [1, 951782399, 4294967295])
def test_dates_are_padded(bench: Callable[..., Any], moment: int) -> None:
    one = bench()
    assert one.status_of("PUT", f"charge_settings?datetime={moment}") == 200
    text = str(found(one, "", EVENTS))
    fields = json.loads(text.removeprefix("EVENT|"))
    assert f"{fields['date']}T{fields['time']}+00:00" == datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.mark.proves("D-269", "D-270", "D-271", "D-274", "D-275", "D-276", "D-277", "D-278")
def test_events_are_found_by_position_alone(bench: Callable[..., Any]) -> None:
    one = bench()
    for offset in (15, 30, 45):
        one.put(0x4284, offset)
    newest, oldest = 'EVENT|{"date":"2020-01-01","time":"00:00:00","event_code":"3","arguments":"30;45"}', "power"
    count = one.get("logbook/info")["events_total_number"]
    assert count == 4
    assert found(one, "", EVENTS) == found(one, "index_type=POS", EVENTS) == newest
    assert found(one, "index_type=POS&index_reference=LAST", EVENTS) == newest
    assert oldest in str(found(one, "index_type=POS&index_reference=FIRST", EVENTS))
    for n in range(count):
        last = found(one, f"index_type=POS&index_reference=LAST_BUT&index_value={n}", EVENTS)
        assert last == found(one, f"index_type=POS&index_reference=FIRST_BUT&index_value={count - 1 - n}", EVENTS)
    for end in ("FIRST_BUT", "LAST_BUT"):
        assert found(one, f"index_type=POS&index_reference={end}&index_value={count}", EVENTS) == 404
        assert found(one, f"index_type=POS&index_reference={end}", EVENTS) == 400
        assert found(one, f"index_type=POS&index_reference={end}&index_value=x", EVENTS) == 400
    for query in ("index_type=PROGR&index_value=1", "index_type=TRANS_ID&index_value=1", "index_type=PROGR"):
        assert found(one, query, EVENTS) == 400
