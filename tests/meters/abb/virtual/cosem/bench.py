"""A virtual meter on a bench: real time moved by hand, and clients of all transports in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tests.wires import HandTimers
from wattproof.errors import CosemRefused
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.creation import create
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.virtual.base import SimulationOptions
from wattproof.virtual.framed import FrameBus, FrameStream
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.wrapped import Port
from wattproof.wire.conversation import Conversation, Pause
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection
from wattproof.wire.cosem.wrapper_links import DatagramLink, StreamLink
from wattproof.wire.hdlc import ClientLink

T = TypeVar("T")
SECOND = 10**9
PASSWORD = b"00000000"
#: Saturday, shortly before noon.
START = "2026-02-28T11:59:50"


class Bench:
    """One meter. ``run`` lets a conversation happen; ``wait`` lets real time pass, ``step`` meter time alone."""

    def __init__(self, variant: str | None = None, *, load: str = "constant:1000", time: str = START, **options: Any):
        settings = {"time": time, **options.pop("settings", {})}
        meter = create(SimulationOptions("abb", variant, settings=settings, seed=1, load=load, **options))
        assert isinstance(meter, AbbMeter)
        self.meter = meter
        self.timers = HandTimers()
        self.runtime = Runtime(meter, self.timers)
        self.sent: list[bytes] = []
        self._stream = FrameStream(FrameBus([self.runtime], "hdlc"), self.sent.append, None, network=False)
        self.tcp, self.udp = Port(self.runtime, "dlms"), Port(self.runtime, "dlms+udp")

    @property
    def body(self) -> Body:
        return self.meter.body

    # time and control

    def wait(self, seconds: float) -> None:
        self.timers.run(seconds)
        self.runtime.catch_up()

    def step(self, seconds: int) -> None:
        self.runtime.patch({"step": seconds}, {})

    def control(self, name: str, value: object) -> None:
        self.runtime.patch({name: value}, {})

    def fault(self, name: str, value: object = True, when: str | None = None) -> None:
        self.runtime.patch({}, {name: value}, when)

    def journal(self, kind: str) -> list[dict[str, object]]:
        return [entry for entry in self.runtime.journal() if entry["kind"] == kind]

    # transports

    def hdlc(self, data: bytes) -> bytes:
        """Bytes on the line; what came back at once."""
        self.sent.clear()
        self._stream.receive(data, self.timers.now())
        return b"".join(self.sent)

    def _wrapped(self, port: Port, peer: str) -> Callable[[bytes], bytes]:
        def exchange(data: bytes) -> bytes:
            answers = []
            for message in wrapper.Receiver().receive(data):
                answer = port.hear(message, peer, self.timers.now(), connection=port is self.tcp)
                answers.append(b"" if answer is None else answer[0].data)
            return b"".join(answers)

        return exchange

    def client(self, sap: int = 1, over: str = "hdlc", peer: str = "here") -> Asking:
        """A client with an open association."""
        asking = self.asking(sap, over, peer)
        asking.run(asking.client.open())
        return asking

    def asking(self, sap: int = 1, over: str = "hdlc", peer: str = "here", password: bytes = PASSWORD) -> Asking:
        """A client that has not been opened."""
        secret = password if sap == 1 else None
        if over == "hdlc":
            return Asking(self, Client(ClientLink(self.meter.hdlc_address, sap), secret), self.hdlc)
        link = StreamLink(sap) if over == "tcp" else DatagramLink(sap)
        return Asking(self, Client(link, secret), self._wrapped(self.tcp if over == "tcp" else self.udp, peer))


class Asking:
    """One client. Results of refusals are numbers."""

    def __init__(self, bench: Bench, client: Client, exchange: Callable[[bytes], bytes]) -> None:
        self.bench, self.client, self._exchange = bench, client, exchange

    def run(self, conversation: Conversation[T]) -> T:
        answer: bytes | None = None
        try:
            while True:
                step = next(conversation) if answer is None else conversation.send(answer)
                if isinstance(step, Pause):
                    self.bench.timers.run(step.duration / SECOND)
                    answer = b""
                else:
                    answer = self._exchange(step.data)
        except StopIteration as end:
            result: T = end.value
            return result

    def _result(self, conversation: Conversation[Any]) -> Any:
        try:
            return self.run(conversation)
        except CosemRefused as refused:
            return refused.result

    def data(self, class_id: int, name: str, attribute: int = 2, selection: Selection | None = None) -> Data | int:
        found: Data | int = self._result(self.client.get(Attribute.of(class_id, name, attribute, selection)))
        return found

    def get(self, class_id: int, name: str, attribute: int = 2, selection: Selection | None = None) -> Any:
        """The plain value, or the result that refuses it."""
        found = self.data(class_id, name, attribute, selection)
        return found.plain if isinstance(found, Data) else found

    def set(self, class_id: int, name: str, value: Data, attribute: int = 2) -> int:
        """The result, 0 for success."""
        return self._result(self.client.set(Attribute.of(class_id, name, attribute), value)) or 0

    def act(self, class_id: int, name: str, parameter: Data, method: int = 1) -> int:
        return self._result(self.client.action(Method.of(class_id, name, method), parameter)) or 0
