"""The log book over REST: searches, their refusals, events (section 10)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from wattproof.conformance.dmed4.answers import BAD_REQUEST, NOT_FOUND, Answer
from wattproof.conformance.dmed4.common import INFERRED, MANUAL, expect, first, row
from wattproof.conformance.dmed4.rest import granted
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.dmed4.webform import wanted
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.errors import ProtocolError
from wattproof.meters.dmed4 import text
from wattproof.meters.dmed4.resources import LOG_EVENTS, LOG_INFO, LOG_OCMF, Resource
from wattproof.meters.dmed4.text import Record

KEYS = {LOG_OCMF.path: "OCMF_LOG", LOG_EVENTS.path: "EVENT_LOG"}
_EVENT_KEYS = ["date", "time", "event_code", "arguments"]
_PLAIN = re.compile(rb'"OCMF_LOG"\s*:\s*"OCMF\|\{"')


def query(kind: str | None = None, reference: str | None = None, value: object = None) -> dict[str, object]:
    """The parameters of a search, absent ones left out."""
    named = {"index_type": kind, "index_reference": reference, "index_value": value}
    return {name: given for name, given in named.items() if given is not None}


async def _search(meter: Dmed, resource: Resource, asked: Mapping[str, object]) -> Answer:
    return await meter.rest.ask("GET", resource.path, asked)


async def _text(meter: Dmed, asked: Mapping[str, object], resource: Resource = LOG_OCMF) -> bytes:
    """The text that a search finds; empty if nothing is found (D-279)."""
    answer = await _search(meter, resource, asked)
    if answer.status == NOT_FOUND:
        return b""
    return text.body_text(granted(answer).body, KEYS[resource.path])


async def _info(meter: Dmed, *, records: int = 1) -> dict[str, int]:
    """``logbook/info``; ``Skipped`` with fewer records than are needed."""
    found = await meter.rest.numbers(LOG_INFO)
    if found["ocmf_total_number"] < records:
        raise Skipped(f"the log holds {found['ocmf_total_number']} records, {records} are needed")
    return found


def _numbered(record: bytes, number: int, what: str) -> None:
    """The record is the one with this progressive number."""
    found = Record(record).counter if record else None
    expect(found == number, f"{what} gives {'nothing' if found is None else f'T{found}'}, not T{number}")


async def ends(meter: Dmed) -> str:
    info = await _info(meter)
    last, oldest = info["ocmf_last_internal_progressive"], info["ocmf_first_internal_progressive"]
    _numbered(await _text(meter, query("POS", "LAST")), last, "LAST")
    _numbered(await _text(meter, query("POS", "FIRST")), oldest, "FIRST")
    span = last - oldest + 1
    expect(info["ocmf_total_number"] == span, f"{info['ocmf_total_number']} records from T{oldest} to T{last}")
    return f"T{oldest} to T{last}"


async def _counted(meter: Dmed, end: str, step: int) -> str | None:
    """``LAST_BUT`` and ``FIRST_BUT`` count from 0, or from 1 (DEC-61)."""
    info = await _info(meter, records=2)
    side = "last" if end == "LAST" else "first"
    number = info[f"ocmf_{side}_internal_progressive"]
    zero = await _text(meter, query("POS", f"{end}_BUT", 0))
    origin = 0 if zero and Record(zero).counter == number else 1
    _numbered(await _text(meter, query("POS", f"{end}_BUT", origin)), number, f"{end}_BUT {origin}")
    _numbered(await _text(meter, query("POS", f"{end}_BUT", origin + 1)), number + step, f"{end}_BUT {origin + 1}")
    return None if origin == 0 else "counted from 1 (DEC-61)"


async def from_last(meter: Dmed) -> str | None:
    return await _counted(meter, "LAST", -1)


async def from_first(meter: Dmed) -> str | None:
    return await _counted(meter, "FIRST", 1)


async def by_number(meter: Dmed) -> None:
    info = await _info(meter)
    for key in ("ocmf_first_internal_progressive", "ocmf_last_internal_progressive"):
        number = info[key]
        _numbered(await _text(meter, query("PROGR", "LAST", number)), number, f"PROGR {number}")


async def by_transaction(meter: Dmed) -> str | None:
    await _info(meter)
    newest = Record(await _text(meter, query("POS", "LAST")))
    for name in (newest.field("ID"), newest.field("PG")):
        found = await _text(meter, query("TRANS_ID", "LAST", name)) if name else b""
        if found == newest.text:
            return None if name == newest.field("ID") else "by PG (DEC-62)"
    raise ProtocolError("TRANS_ID finds the newest record neither by its ID nor by its PG")


async def without_parameters(meter: Dmed) -> None:
    await _info(meter)
    expect(await _text(meter, {}) == await _text(meter, query("POS", "LAST")), "no parameters: not the newest record")


async def no_value(meter: Dmed) -> str | None:
    asked = [query("POS", "LAST_BUT"), query("POS", "FIRST_BUT"), query("PROGR", "LAST"), query("TRANS_ID", "LAST")]
    return first(*[wanted(await _search(meter, LOG_OCMF, one), BAD_REQUEST) for one in asked])


async def no_number(meter: Dmed) -> str | None:
    asked = [query("POS", "LAST_BUT", "x"), query("PROGR", "LAST", "1x"), query("POS", "LAST_BUT", -1)]
    return first(*[wanted(await _search(meter, LOG_OCMF, one), BAD_REQUEST) for one in asked])


async def events_by_number(meter: Dmed) -> str | None:
    return wanted(await _search(meter, LOG_EVENTS, query("PROGR", "LAST", 1)), BAD_REQUEST)


async def absent(meter: Dmed) -> str | None:
    info = await meter.rest.numbers(LOG_INFO)
    remark = None
    asked = [
        query("PROGR", "LAST", info["ocmf_last_internal_progressive"] + 1000),
        query("POS", "LAST_BUT", info["ocmf_max_number"] + 1),
        query("TRANS_ID", "LAST", "no such transaction"),
    ]
    for one in asked:
        answer = await _search(meter, LOG_OCMF, one)
        if answer.ok:
            expect(not text.body_text(answer.body, "OCMF_LOG"), f"{one} finds a record")
            remark = "200 with an empty text (section 10.3)"
        else:
            remark = wanted(answer, NOT_FOUND) or remark
    return remark


async def escaped(meter: Dmed) -> str | None:
    await _info(meter)
    answer = granted(await _search(meter, LOG_OCMF, query("POS", "LAST")))
    try:
        found = json.loads(answer.body)
    except ValueError:
        expect(_PLAIN.search(answer.body) is not None, f"no JSON, and no plain record: {answer.body[:40]!r}")
        return "inner quotes are not escaped (DEC-59)"
    expect(set(found) == {"OCMF_LOG"}, f"keys {', '.join(found)}")
    return None


async def ring(meter: Dmed) -> str:
    info = await _info(meter)
    if info["ocmf_total_number"] < info["ocmf_max_number"]:
        raise NotApplicable(f"the log holds {info['ocmf_total_number']} of {info['ocmf_max_number']} records")
    oldest, last = info["ocmf_first_internal_progressive"], info["ocmf_last_internal_progressive"]
    expect(last - oldest + 1 == info["ocmf_max_number"], f"a full log from T{oldest} to T{last}")
    return f"T{oldest} to T{last}"


async def _events(meter: Dmed) -> list[dict[str, object]]:
    """Newest and oldest event."""
    found = []
    for reference in ("LAST", "FIRST"):
        line = await _text(meter, query("POS", reference), LOG_EVENTS)
        if not line:
            raise Skipped("the log of events is empty")
        head, _, content = line.partition(b"|")
        expect(head == b"EVENT", f"an event is {line[:40]!r}")
        try:
            found.append(dict(json.loads(content)))
        except (ValueError, TypeError):
            raise ProtocolError(f"an event is {line[:60]!r}") from None
    return found


async def event_form(meter: Dmed) -> None:
    for event in await _events(meter):
        expect(sorted(event) == sorted(_EVENT_KEYS), f"an event has {', '.join(event)}")
        expect(
            all(isinstance(value, str) for value in event.values()), f"values of an event that are no texts: {event}"
        )


async def event_moment(meter: Dmed) -> str:
    for event in await _events(meter):
        date, time = str(event.get("date")), str(event.get("time"))
        right = re.fullmatch(r"\d{4}-[01]\d-[0-3]\d", date) and re.fullmatch(r"[0-2]\d:[0-5]\d:[0-5]\d", time)
        expect(bool(right), f"an event of {date} {time}")
    return f"{date} {time}"


ROWS = (
    row("D-267", "The record stands in JSON, its quotes escaped", INFERRED, Need.READ, escaped, "DEC-59"),
    row("D-269", "LAST is the newest, FIRST the oldest record", MANUAL, Need.READ, ends),
    row("D-270", "LAST_BUT 0 is LAST, 1 the one before", INFERRED, Need.READ, from_last, "DEC-61"),
    row("D-271", "FIRST_BUT 0 is FIRST, 1 the one behind", INFERRED, Need.READ, from_first, "DEC-61"),
    row("D-272", "PROGR n is the record with PG Tn", MANUAL, Need.READ, by_number),
    row("D-273", "TRANS_ID finds the newest record with this ID", INFERRED, Need.READ, by_transaction, "DEC-62"),
    row("D-274", "Without parameters the newest record is found", INFERRED, Need.READ, without_parameters),
    row("D-275", "A search that misses index_value is refused", INFERRED, Need.READ, no_value, "DEC-31"),
    row("D-276", "index_value that is no number is refused", INFERRED, Need.READ, no_number, "DEC-31"),
    row("D-277", "Events are searched by position only", MANUAL, Need.READ, events_by_number, "DEC-31"),
    row("D-278", "What is not stored is not found", INFERRED, Need.READ, absent, "DEC-31"),
    row("D-282", "A full log drops its oldest record", INFERRED, Need.READ, ring),
    row("D-283", "An event is EVENT| and four texts", MANUAL, Need.READ, event_form),
    row("D-284", "Date is yyyy-mm-dd, time hh:mm:ss", MANUAL, Need.READ, event_moment),
)
