"""A meter on an M-Bus line: the slave of `wattproof.wire.mbus` with five telegrams of full size, as an A41 sends them.

It begins its answer 35 ms after the last byte of a request, the least that EN 13757-2 lets a meter take.
"""

from __future__ import annotations

import os
import select
import sys
import time
import tty

from wattproof.wire.mbus import Declaration, Identification, SecondaryAddress, Slave, SlaveReceiver, Telegram, maker_of
from wattproof.wire.mbus.receivers import Damaged
from wattproof.wire.mbus.records import Record

DELAY = 0.035
TELEGRAMS, RECORDS = 5, 23
WHO = SecondaryAddress("00217819", 0x0442, 0x20, 2)


class Meter:
    """Its records are energies of as many tariffs: ten bytes each."""

    address, identity, fabrication = 1, WHO, None

    def __init__(self) -> None:
        energy = Declaration.parse("8E 10", "84", maker_of(WHO.manufacturer))
        self._records: list[Record] = [energy.record(4711, status=0)] * RECORDS

    def readout(self) -> Meter:
        return self

    def telegram(self, number: int, access: int) -> Telegram:
        return Telegram.build(Identification(WHO, access), self._records, number < TELEGRAMS)

    def execute(self, records: object) -> None: ...

    def session_ended(self) -> None: ...


def main(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    slave, receiver = Slave(Meter()), SlaveReceiver()
    print("ready", flush=True)
    while select.select([descriptor], [], []):
        data = os.read(descriptor, 4096)
        heard = time.monotonic()
        for frame in receiver.receive(data):
            answer = None if isinstance(frame, Damaged) else slave.handle(frame, time.monotonic_ns())
            if answer is not None:
                time.sleep(max(0.0, heard + DELAY - time.monotonic()))
                os.write(descriptor, answer.encode())


if __name__ == "__main__":
    main(sys.argv[1])
