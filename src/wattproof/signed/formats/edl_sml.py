"""EDL_40_P: the signed value of an EDL40 meter as an SML telegram; telegrams of ISA meters go to :mod:`.isa`.

The block is rebuilt from the entries of the list response. An entry that stands there twice counts once, for the hash
and for what is shown. Source: specification of the verifier, 2.4.
"""

from __future__ import annotations

import re

from wattproof.signed.formats import edl, isa, sml
from wattproof.signed.formats.edl import Block
from wattproof.signed.formats.sml import ListResponse, SmlProblem, Stamp
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, Severity, Verdict
from wattproof.signed.units import NO_CARRIER, Carrier, Unit, stopped

TOKEN = "EDL_40_P"  # noqa: S105 (the name of the format)

_SPACE = b" \t\r\n\v\f"
_ISA_LIST = re.compile(rb"\x81\x80\x81\x62.\xff", re.DOTALL)

#: Where the fields of the block stand, by the code of the entry.
PLAIN_VALUE = bytes.fromhex("0100010800ff")
SECOND_INDEX = bytes.fromhex("810060080001")
PAGINATION = bytes.fromhex("8180817101ff")
CONTRACT = bytes.fromhex("8182815401ff")
RESISTANCE, STOP_WATCH, PRICE, VERSION = (
    bytes.fromhex(code) for code in ("00af6c6c72ff", "00af647572ff", "00af707263ff", "00af737672ff")
)
#: Bit of the wide status word to bit of the status byte, for 66-byte list signatures.
WIDE_STATUS = ((17, 0), (31, 3), (16, 4), (11, 5), (9, 6), (8, 7))
_LONGEST_OFFSET = 14 * 60  # minutes


def detect(data: bytes) -> bool:
    """Whether the bytes begin with a telegram."""
    return data.startswith(sml.START)


def is_isa(data: bytes) -> bool:
    """Whether a telegram is one of an ISA meter: its list name, and the value at the start of charging (0.5)."""
    return _ISA_LIST.search(data) is not None and isa.START_VALUE in data


def parse(body: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Every signed value of the telegrams that follow each other; at least one unit, and never an exception."""
    units: list[Unit] = []
    at = len(body) - len(body.lstrip(_SPACE))
    while at < len(body):
        start = at
        try:
            content, at = sml.telegram(body, start, limits)
        except SmlProblem as problem:
            at = len(body) if problem.end is None else problem.end
            units.append(_stopped(problem, body[start:at], carrier, f"@{start}"))
        else:
            units += _of_telegram(content, body[start:at], carrier, limits, f"@{start}")
        while body[at : at + 1] in _PADDING:
            at += 1
        if len(units) > limits.units:
            message = f"more than {limits.units} signed values"
            units[limits.units :] = [stopped(TOKEN, "F-SIZE", message, carrier=carrier)]
            break
    return units or [stopped(TOKEN, "F-EMPTY", "there is no telegram", carrier=carrier)]


_PADDING = frozenset(bytes((byte,)) for byte in _SPACE)


def _stopped(problem: SmlProblem, data: bytes, carrier: Carrier, where: str) -> Unit:
    token = isa.TOKEN if is_isa(data) else TOKEN
    return stopped(token, problem.code, str(problem), carrier=carrier, where=where, text=data[:512].hex().upper())


def _of_telegram(content: bytes, data: bytes, carrier: Carrier, limits: Limits, where: str) -> list[Unit]:
    try:
        responses = sml.list_responses(content, limits)
        if not responses:
            raise SmlProblem("F-SML", "the telegram holds no list of values")
    except SmlProblem as problem:
        return [_stopped(problem, data, carrier, where)]
    units = []
    for response in responses:
        try:
            read = isa.unit if is_isa(content) else unit
            found = read(response, carrier)
        except ValueError as error:  # a field that is missing, or does not fit its place in the block
            unfit = error if isinstance(error, SmlProblem) else SmlProblem("F-SML", str(error))
            found = _stopped(unfit, data, carrier, where)
            found.record.extra["incomplete"] = True
        for code in response.repeated:
            message = f"the entry {code.hex()} occurs more than once, the first one counts"
            found.record.findings.append(Finding("F-SML", Severity.WARNING, message, where))
        units.append(found)
    return units


def unit(response: ListResponse, carrier: Carrier) -> Unit:
    """The signed value of a list response. Raises :class:`SmlProblem`, or ``ValueError`` for what does not fit."""
    entries = response.entries
    main = entries.get(edl.OBIS)
    if main is None:
        plain = entries.get(PLAIN_VALUE)
        if plain is None:
            raise SmlProblem("F-SML", "the list holds no signed value 1-0:1.17.0*255")
        if SECOND_INDEX not in entries or PAGINATION not in entries:
            return _substitute(carrier)
        main = plain
    signature = response.signature
    version = entries.get(VERSION)
    if len(signature) < 2:
        raise SmlProblem("F-SD", "the list holds no signature")
    has_log = len(signature) in (50, 66) or (version is not None and version.value == 4)
    status = main.number(main.status, "the status")
    index, contract = entries.get(SECOND_INDEX), entries.get(CONTRACT)
    page = entries.get(PAGINATION)
    if index is None or page is None or contract is None:
        raise SmlProblem("F-SML", "second index, pagination or contract id is missing")
    time, contract_time = main.stamp(), contract.stamp()
    block = Block(
        response.server_id,
        time.local,
        _mapped(status) if len(signature) == 66 else status & 0xFF,
        _index(index.value),
        page.number(page.value, "the page"),
        edl.signed64(main.number(main.value, "the value")),
        signature[-2:],
        contract.octets(contract.value, "the contract id").rstrip(b"\0"),
        contract_time.local,
        main.obis,
        main.number(main.unit, "the unit"),
        main.number(main.scaler, "the scaler"),
        historical=_number(response, edl.HISTORICAL),
        compensated=_number(response, edl.COMPENSATED),
        resistance=_number(response, RESISTANCE),
        stop_watch=_number(response, STOP_WATCH),
        price=_price(response),
    )
    signed = block.encode()
    found = edl.record(TOKEN, block, signed, carrier, None, _zone(time))
    parts = signature[:-2] if has_log else signature
    algorithm = edl.ALGORITHMS.get(len(parts), edl.ALGORITHMS[64 if len(parts) > 56 else 48])
    return Unit(found, parts, algorithm, carrier.keys, der=False, raw=True)


def _index(element: sml.Element) -> int:
    """The second index: a list of the number 1 and a time of kind 1."""
    if type(element) is list and len(element) == 2 and element[0] == 1:
        found = sml.stamp(element[1], "the second index")
        if found.kind == 1:
            return found.seconds
    raise SmlProblem("F-SML", "the second index is no time of kind 1")


def _number(response: ListResponse, code: bytes) -> int:
    entry = response.entries.get(code)
    return 0 if entry is None or entry.value is None else entry.number(entry.value, "the value")


def _price(response: ListResponse) -> bytes:
    number = _number(response, PRICE)
    if not 0 <= number <= 0xFFFF:
        raise SmlProblem("F-SML", "the price has more than two bytes")
    return number.to_bytes(2, "big")


def _mapped(status: int) -> int:
    return sum((status >> wide & 1) << narrow for wide, narrow in WIDE_STATUS)


def _zone(time: Stamp) -> int | None:
    return time.offset if time.kind == 3 and abs(time.offset) <= _LONGEST_OFFSET else None


def _substitute(carrier: Carrier) -> Unit:
    """Another program fills second index and pagination with constants here; these were never signed."""
    return stopped(
        TOKEN,
        "F-SML",
        "an import register without second index and page, which are part of what is signed",
        carrier=carrier,
        verdict=Verdict.UNSUPPORTED,
        reason="V-ALG",
        severity=Severity.INFO,
    )
