"""Being heard on a serial line: the device of a converter, or a pseudo-terminal made for it.

Both gaps of Modbus RTU are kept (Modbus over Serial Line 1.02, 2.5.1.1): no answer starts before 3.5 characters have
passed since its request, and frames that are sent one after the other have the same silence between them. Gaps and
character times are real ones whatever the speed of the meter.

A pseudo-terminal has no wire. What stands for the bit rate of the line is what its client has set: a meter that was
told another rate does not understand it, as on copper. Parity is ignored, for a pseudo-terminal cannot carry it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from wattproof.io.pty import PseudoTerminal
from wattproof.io.serial import SerialSettings, open_device, set_line
from wattproof.virtual.line import Delivery
from wattproof.virtual.reading import PIECE
from wattproof.virtual.runtime import Runtime
from wattproof.wire.modbus.framing import silent_interval

_MILLISECOND = 1_000_000
#: Unsent bytes above which a line counts as blocked; what comes then is lost, as on any wire.
_STUCK = 64 * 1024


def silence(baudrate: int, bits: int = 11) -> int:
    """The silence between two frames in nanoseconds, 0 for no rate."""
    return round(silent_interval(baudrate, bits) * 1e9) if baudrate else 0


class Terminal:
    """An open terminal in an event loop: bytes in, frames out, each not before its moment.

    :param descriptor: raw and non-blocking.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self.descriptor = descriptor
        #: Called with what arrived and the instant of it.
        self.on_data: Callable[[bytes, int], None] | None = None
        self._loop = loop
        self._frames: deque[tuple[int, int, bytes]] = deque()
        self._unsent = b""
        self._timer: asyncio.TimerHandle | None = None
        self._free = 0
        #: Called when a frame has been handed to the system.
        self.on_sent: Callable[[], None] | None = None
        loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.descriptor, PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._loop.remove_reader(self.descriptor)  # the converter was pulled out
            return
        if data and self.on_data is not None:
            self.on_data(data, time.monotonic_ns())

    def send(self, data: bytes, earliest: int, gap: int) -> None:
        """One frame; it starts at ``earliest`` and at least ``gap`` nanoseconds behind the one before it."""
        self._frames.append((earliest, gap, data))
        if self._timer is None:
            self._pump()

    def _pump(self) -> None:
        self._timer = None
        while self._frames:
            earliest, gap, data = self._frames[0]
            wait = max(earliest, self._free + gap) - time.monotonic_ns()
            if wait > 2 * _MILLISECOND:
                # Timers of event loops have a grain of a millisecond and may be early by it.
                self._timer = self._loop.call_later((wait - _MILLISECOND) / 1e9, self._pump)
                return
            if wait > 0:
                time.sleep(wait / 1e9)  # shorter than the grain of the loop's timers
            self._frames.popleft()
            self._write(data)
            self._free = time.monotonic_ns()
            if self.on_sent is not None and not self._frames:
                self.on_sent()

    def _write(self, data: bytes) -> None:
        if self._unsent:
            if len(self._unsent) < _STUCK:
                self._unsent += data
            return
        with contextlib.suppress(OSError):
            written = 0
            with contextlib.suppress(BlockingIOError, InterruptedError):
                written = os.write(self.descriptor, data)
            if written < len(data):
                self._unsent = data[written:]
                self._loop.add_writer(self.descriptor, self._writable)

    def _writable(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self.descriptor, self._unsent) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._unsent = b""
        if not self._unsent:
            self._loop.remove_writer(self.descriptor)

    def forget(self) -> None:
        """What has not been sent yet is not sent."""
        self._frames.clear()

    def close(self) -> None:
        """Hear and send no more; the descriptor stays open."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self.descriptor)
        self._loop.remove_writer(self.descriptor)


class Settings:
    """How a line with meters is set: as its address says, until a meter is told another rate.

    A meter whose own parameters say how its line is set (``Meter.own_line``) is followed in everything.

    :param address: what the address says; ``given``: whether it names a rate, else that of the first meter counts.
    """

    def __init__(self, address: SerialSettings, *, given: bool, runtimes: Sequence[Runtime]) -> None:
        self._address = address
        self._given = given
        self._first = {runtime: runtime.meter.baudrate for runtime in runtimes}

    def of(self, runtime: Runtime) -> SerialSettings:
        """How a meter listens now."""
        address, own, present = self._address, runtime.meter.own_line, runtime.meter.baudrate
        if own is not None:
            settings = own[1]
            return replace(settings, rs485=address.rs485, dtr=address.dtr, rts=address.rts)
        return address if self._given and present == self._first[runtime] else replace(address, baudrate=present)

    def __call__(self) -> SerialSettings:
        """How the line is set: as its first meter listens."""
        return self.of(next(iter(self._first)))


class Line:
    """A terminal and how it is set, which ``wanted`` tells at any moment.

    ``open_serial_line`` and ``open_pseudo_terminal`` make one; ``name`` is the address under which clients reach it.
    """

    def __init__(self, name: str, terminal: Terminal, wanted: Callable[[], SerialSettings]) -> None:
        self.name = name
        self._terminal = terminal
        self._wanted = wanted
        terminal.on_sent = self.follow
        self._pair: PseudoTerminal | None = None
        self._settings: SerialSettings | None = None

    def listen(self, on_data: Callable[[bytes, int], None]) -> None:
        """Hand what arrives from now on, and when it did, to ``on_data``."""
        self._terminal.on_data = on_data

    @property
    def gap(self) -> int:
        """The silence between two frames at the present rate of the line."""
        if self._settings is not None:
            return silence(self._settings.baudrate, self._settings.bits)
        return silence(self._pair.baudrate() if self._pair is not None else 0) or silence(self._wanted().baudrate)

    def carries(self, rate: int) -> bool:
        """Whether the master speaks at this rate. Only a pseudo-terminal can tell."""
        return self._pair is None or self._pair.baudrate() in (0, rate)

    def follow(self) -> None:
        """Take over what was written to the meter, once the answer at the old rate has left."""
        wanted = self._wanted()
        if self._settings is None or self._settings == wanted:
            return
        termios.tcdrain(self._terminal.descriptor)
        self._settings = wanted
        set_line(self._terminal.descriptor, self.name, wanted)

    def send(self, delivery: Delivery, arrived: int) -> None:
        """Let out one answer and what comes before it, each frame with its silence."""
        gap = self.gap
        for frame in (*delivery.before, delivery.data):
            self._terminal.send(frame, arrived + gap, gap)

    def put(self, data: bytes) -> None:
        """Let bytes out now."""
        self._terminal.send(data, 0, 0)

    def close(self) -> None:
        """Close the terminal and take its link away."""
        self._terminal.close()
        if self._pair is None:
            os.close(self._terminal.descriptor)
        else:
            self._pair.close()


def open_serial_line(path: str, wanted: Callable[[], SerialSettings], loop: asyncio.AbstractEventLoop) -> Line:
    """A serial device; its settings follow ``wanted``.

    :raises Unreachable: see ``wattproof.io.serial.open_device``.
    """
    settings = wanted()
    line = Line(path, Terminal(open_device(path, settings), loop), wanted)
    line._settings = settings
    return line


def open_pseudo_terminal(path: str, wanted: Callable[[], SerialSettings], loop: asyncio.AbstractEventLoop) -> Line:
    """A new pseudo-terminal, linked at ``path``; with an empty path only the name that the system gave leads there.

    :raises PortInUse: ``path`` is taken.
    :raises StorageError: the link or the terminal cannot be made.
    """
    pair = PseudoTerminal("" if path == "/" else path)
    try:
        # A client that sets no rate finds that of the line.
        descriptor = os.open(pair.device, os.O_RDWR | os.O_NOCTTY)
        try:
            set_line(descriptor, pair.device, SerialSettings(wanted().baudrate, "N"))
        finally:
            os.close(descriptor)
        line = Line(pair.path, Terminal(pair.master, loop), wanted)
    except BaseException:
        pair.close()
        raise
    line._pair = pair
    return line
