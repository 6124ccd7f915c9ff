"""What went over a line, byte by byte, as a text file: written while it happens, read back, played again.

One chunk a line; ``#`` begins a comment. Seconds since the trace began, direction, bytes::

    # wattproof trace 1
    # tcp://127.0.0.1:5020
    0.000000 > 000100000006 2a039c400002
    0.021337 < 000100000007 2a030453756e53
    4.100000 ! closed

``>`` was sent by whoever traced, ``<`` was received. Blanks between the hexadecimal digits mean nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from wattproof.errors import Disconnected, StorageError
from wattproof.io.clock import SystemClock
from wattproof.io.link import ByteLink
from wattproof.model.clock import Clock

HEADER = "# wattproof trace 1"
SENT, RECEIVED, CLOSED = ">", "<", "!"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One line of a trace: ``time`` in seconds since its begin, ``direction``, and the bytes (none if closed)."""

    time: float
    direction: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.time:.6f} {self.direction} {self.data.hex() if self.data else 'closed'}"

    @classmethod
    def parse(cls, line: str) -> Chunk:
        """Raises ``ValueError``."""
        time, direction, rest = line.split(None, 2)
        if direction not in (SENT, RECEIVED, CLOSED):
            raise ValueError(f"{direction!r} is no direction")
        return cls(float(time), direction, b"" if direction == CLOSED else bytes.fromhex(rest))


class Trace:
    """Writes a trace. ``target`` is a file name, or ``-`` for standard error.

    Raises:
        StorageError: the file cannot be written.
    """

    def __init__(self, target: str | Path | TextIO, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._begin: int | None = None
        self._name = "the trace"
        self._file: TextIO | None = None
        self._mine = False
        if not isinstance(target, (str, Path)):
            self._file = target
        elif str(target) == "-":
            self._file = sys.stderr
            self._name = "the trace on stderr"
        else:
            try:
                self._file = Path(target).open("w", encoding="ascii", buffering=1)  # noqa: SIM115 - close() does
            except OSError as error:
                raise StorageError(f"cannot write the trace to {target}: {error.strerror}") from error
            self._mine = True
            self._name = f"the trace {target}"
        self.note(HEADER.removeprefix("# "))

    def note(self, text: str) -> None:
        """Write a comment line, for example which line is traced."""
        self._write(f"# {text.encode('ascii', 'backslashreplace').decode('ascii')}")

    def now(self) -> int:
        """The present moment of its clock, in ns."""
        return self._clock.now()

    def record(self, direction: str, data: bytes = b"", moment: int | None = None) -> None:
        """Write one chunk, with the present time unless ``moment`` is given. Raises ``StorageError`` (disk full)."""
        now = self._clock.now() if moment is None else moment
        if self._begin is None:
            self._begin = now
        self._write(str(Chunk((now - self._begin) / 1e9, direction, data)))

    def close(self) -> None:
        """End the trace; harmless when it has ended."""
        file, self._file = self._file, None
        if file is not None and self._mine:
            with contextlib.suppress(OSError):
                file.close()

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            self.close()
            raise StorageError(
                f"{self._name} could not be written any further: {error.strerror}; free the disk"
            ) from error


class HeldTrace:
    """Chunks of ``trace`` that wait for :meth:`release`: until then a secret in several of them could not be found.

    ``veil`` returns bytes of the same length in which nothing secret is left.
    """

    def __init__(self, trace: Trace, veil: Callable[[bytes], bytes]) -> None:
        self._trace = trace
        self._veil = veil
        self._held: list[tuple[str, bytes, int]] = []

    def note(self, text: str) -> None:
        """A comment line, at once."""
        self._trace.note(text)

    def record(self, direction: str, data: bytes = b"") -> None:
        """Keep one chunk and its moment."""
        self._held.append((direction, data, self._trace.now()))

    def release(self) -> None:
        """Write what was kept. Raises ``StorageError`` (disk full)."""
        shown = self._veil(b"".join(data for _, data, _ in self._held))
        for direction, data, moment in self._held:
            self._trace.record(direction, shown[: len(data)], moment)
            shown = shown[len(data) :]
        self._held.clear()


class TracedLink:
    """A link whose every byte is written to a trace."""

    def __init__(self, link: ByteLink, trace: Trace | HeldTrace) -> None:
        self.name = link.name
        self.clock = link.clock
        self._link = link
        self._trace = trace
        trace.note(f"open {link.name}")

    @property
    def heard(self) -> int:
        return self._link.heard

    @heard.setter
    def heard(self, moment: int) -> None:
        self._link.heard = moment

    @property
    def closed(self) -> bool:
        return self._link.closed

    async def send(self, data: bytes) -> None:
        self._trace.record(SENT, data)
        await self._link.send(data)

    async def receive(self, timeout: float) -> bytes:
        try:
            data = await self._link.receive(timeout)
        except Disconnected:
            self._trace.record(CLOSED)
            raise
        if data:
            self._trace.record(RECEIVED, data)
        return data

    def discard(self) -> bytes:
        data = self._link.discard()
        if data:
            self._trace.record(RECEIVED, data)
        return data

    def wake(self) -> None:
        self._link.wake()

    async def rest(self, seconds: float) -> None:
        await self._link.rest(seconds)

    async def close(self) -> None:
        await self._link.close()

    def abort(self) -> None:
        self._link.abort()


def read_trace(source: str | Path | Iterable[str]) -> list[Chunk]:
    """The chunks of a trace file, or of its lines.

    Raises:
        StorageError: the file cannot be read, or a line is no chunk (its number is named).
    """
    name = "the trace"
    lines: Sequence[str]
    if isinstance(source, (str, Path)):
        name = str(source)
        try:
            lines = Path(source).read_text(encoding="ascii").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"cannot read the trace {source}: {error}") from error
    else:
        lines = list(source)
    chunks: list[Chunk] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            chunks.append(Chunk.parse(line))
        except ValueError as error:
            raise StorageError(f"{name}, line {number}: {line[:60]!r} is no chunk ({error})") from None
    return chunks
