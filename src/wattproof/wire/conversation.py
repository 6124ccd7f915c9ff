"""A client's side of a protocol as a generator that asks for what it needs: send this, wait so long, pause.

::

    data = yield Send(request, timeout)   # what arrived within the time-out, b"" if nothing did
    data = yield Send(b"", timeout)       # nothing to send, more to hear
    yield Pause(duration)                 # let time pass

The generator's return value is the result. It knows no link and no clock, so one text serves event loops, blocking
links and tests; whoever runs it decides where the bytes go. All times are nanoseconds.

>>> def hello() -> Conversation[bytes]:
...     return (yield Send(b"hello?", 10**9))
>>> run(hello(), lambda data, timeout: data.upper())
b'HELLO?'
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Send(NamedTuple):
    """Send ``data``, which may be empty, and give back what arrives; ``b""`` if nothing does within ``timeout``."""

    data: bytes
    timeout: int


class Pause(NamedTuple):
    """Let ``duration`` pass. Nothing is given back."""

    duration: int


Step: TypeAlias = Send | Pause
Conversation: TypeAlias = Generator[Step, bytes, T]


def run(conversation: Conversation[T], exchange: Callable[[bytes, int], bytes]) -> T:
    """Run to the end with ``exchange(data, timeout) -> answer``; pauses are passed over. Raises what it raises."""
    answer: bytes | None = None
    try:
        while True:
            step = next(conversation) if answer is None else conversation.send(answer)
            answer = exchange(step.data, step.timeout) if isinstance(step, Send) else b""
    except StopIteration as end:
        result: T = end.value
        return result
