"""M-Bus without I/O, both roles (EN 13757-2, EN 13757-3), with the codes of ABB meters.

===================  ==========================================================================================
``frames``           ``E5``, short, control and long frames; the C field; addresses with a meaning
``receivers``        bytes to frames for slave and master, over damaged bytes; the echo of optical heads
``addresses``        manufacturers, secondary addresses with wild cards, selections
``ci_fields``        what stands behind the CI field; ``application_errors`` what a meter reports instead
``values``           data types A to J, LVAR, ABB's times; ``moments`` are dates and times as meters tell them
``vif``, ``vife``    the tables of the standard; ``abb`` those of ABB on top of them
``dib``, ``vib``     the two blocks of a record's header; ``headers`` puts them together and remembers them
``records``          bytes to records and back; ``declarations`` are records as they are to be sent
``telegrams``        what stands behind the CI field of an answer; ``fixed`` and ``media`` belong to it
``requests``         every command and readout of an ABB meter, for driver and meter
``slave``            a meter's side of the line over a small application
``master``           readout, commands, selection as steps; ``search`` finds meters; ``timing`` says how long to wait
===================  ==========================================================================================

A telegram to values:

>>> frame = decode(bytes.fromhex("68 16 16 68 08 05 72 78 56 34 12 42 04 20 02 01 00 00 00 04 A9 00 4C 07 00 00 FC 16"))
>>> telegram = decode_answer(frame)
>>> telegram.header.address.letters, telegram.header.address.number
('ABB', '12345678')
>>> for record in telegram:
...     print(record.quantity, record.value, record.unit, record.quality)
active_power 18.68 W good

A record found, and made again, by one declaration:

>>> power = Declaration.parse("04", "A9", maker_of(telegram.header.address.manufacturer))
>>> telegram.find(power.key).value
Scaled(mantissa=1868, exponent=-2)
>>> power.record(Scaled.of("18.68"), status=0) == telegram.find(power.key)
True

A meter is read by a function that does one exchange with the line; here it asks a meter that is there already:

>>> meter = lambda exchange: frame if exchange.expect is Expect.RESPONSE else Ack()
>>> result = run(Master().read(5), meter)
>>> [str(record) for record in result.records]
['active_power = 18.68 W']
"""

from __future__ import annotations

from wattproof.model.values import Scaled
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection, manufacturer_code, manufacturer_letters
from wattproof.wire.mbus.application_errors import ApplicationErrorCode, RecordError
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.frames import Ack, Frame, Long, Short, decode, req_ud1, req_ud2, rsp_ud, snd_nke, snd_ud
from wattproof.wire.mbus.headers import Header, Key
from wattproof.wire.mbus.master import Exchange, Master, ReadoutResult, run
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.receivers import Damaged, Echo, Expect, MasterReceiver, SlaveReceiver
from wattproof.wire.mbus.records import Record, RecordList, decode_records, encode_records
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.search import Finding, Search, scan
from wattproof.wire.mbus.slave import Application, Readout, Slave
from wattproof.wire.mbus.telegrams import (
    AlarmStatus,
    Answer,
    ApplicationError,
    Identification,
    ShortHeader,
    Telegram,
    decode_answer,
    encode_answer,
    maker_of,
)
from wattproof.wire.mbus.timing import Pause, Timing, Wait
from wattproof.wire.mbus.values import Invalid
from wattproof.wire.mbus.vib import Maker

__all__ = [
    "Ack",
    "AlarmStatus",
    "Answer",
    "Application",
    "ApplicationError",
    "ApplicationErrorCode",
    "Damaged",
    "DataField",
    "Declaration",
    "Dib",
    "Echo",
    "Exchange",
    "Expect",
    "Finding",
    "FixedData",
    "Frame",
    "Function",
    "Header",
    "Identification",
    "Invalid",
    "Key",
    "Long",
    "Maker",
    "Master",
    "MasterReceiver",
    "Moment",
    "Pause",
    "Readout",
    "ReadoutResult",
    "Record",
    "RecordError",
    "RecordList",
    "Request",
    "Scaled",
    "Search",
    "SecondaryAddress",
    "Selection",
    "Short",
    "ShortHeader",
    "Slave",
    "SlaveReceiver",
    "Telegram",
    "Timing",
    "Wait",
    "decode",
    "decode_answer",
    "decode_records",
    "encode_answer",
    "encode_records",
    "maker_of",
    "manufacturer_code",
    "manufacturer_letters",
    "req_ud1",
    "req_ud2",
    "rsp_ud",
    "run",
    "scan",
    "snd_nke",
    "snd_ud",
]
