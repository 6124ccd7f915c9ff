"""Interrupts of a command that has something to end: first a request, the second time at once."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any, Self

#: What asks for an end: Ctrl-C, the end of a service, a terminal or connection that went away.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
STDERR = 2


class Interrupts:
    """While entered, a signal raises ``KeyboardInterrupt`` - unless :attr:`deferred`, when the first one only asks.

    The handler runs between any two instructions, also inside the printing of a line or an import. So it does nothing
    but set a flag and write bytes to the descriptor of stderr.
    """

    def __init__(self, notice: str) -> None:
        self.asked = False
        self.deferred = False
        self._notice = f"{notice}\n".encode()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if number != signal.SIGINT and handler is signal.SIG_IGN:
                continue  # nohup, or a service that wants it so
            self._previous[number] = handler
            signal.signal(number, self._take)
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.deferred:
            self.asked = True
            raise KeyboardInterrupt
        self.asked = True
        with suppress(OSError):  # the terminal may be what went away
            os.write(STDERR, self._notice)
