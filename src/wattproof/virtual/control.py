"""The control interface of running virtual meters: state, controls, faults and journal over HTTP (bsm.md 28.5).

::

    GET   /                          state of the meter; with several, a list of them
    PATCH /                          {"controls": {...}, "faults": {...}, "when": "turn-on:signing"} -> new state
    GET   /journal?after=N&wait=S    entries with a number above N; waits up to S real seconds for the first one
    GET   /meters                    serial, unit and path of every meter
    ...   /meters/SERIAL             GET and PATCH as above; /meters/SERIAL/journal

Every request carries ``Authorization: Bearer TOKEN``. The interface listens on the loopback only: who may weld
contactors sits at this machine. Whatever is not in the closed tables is answered 400 with its name.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from wattproof.errors import InvalidValue
from wattproof.io.http import Request
from wattproof.io.url import MeterURL
from wattproof.virtual.exchange import Ring
from wattproof.virtual.interface import Interface
from wattproof.virtual.runtime import Runtime
from wattproof.wire.http1 import Response, json_response

#: Longest wait of one journal request in real seconds.
LONGEST_WAIT = 600
#: Digits of a whole number in a change.
_LONGEST_NUMBER = 100
_PATCH_KEYS = ("controls", "faults", "when", "channel", "face")


@dataclass(frozen=True, slots=True)
class Change:
    """What one PATCH asks for."""

    controls: Mapping[str, object]
    faults: Mapping[str, object]
    when: str | None = None
    channel: int | None = None
    face: str | None = None


def read_change(body: bytes) -> Change:
    """The change in the body of a PATCH.

    :raises InvalidValue: no JSON object of the four known keys, each at most once.
    """
    try:
        content = json.loads(
            body, object_pairs_hook=_object, parse_float=Decimal, parse_int=_whole, parse_constant=_constant
        )
    except InvalidValue:
        raise
    except json.JSONDecodeError as error:
        raise InvalidValue(f"the body is no JSON object: {error.msg}, at character {error.pos}") from error
    except UnicodeDecodeError as error:
        raise InvalidValue("the body is no JSON object: it is no UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise InvalidValue("the body is no JSON object: it is nested too deep") from error
    if not isinstance(content, dict):
        raise InvalidValue('the body is no JSON object: write {"controls": {...}, "faults": {...}, "when": "..."}')
    for name in content:
        if name not in _PATCH_KEYS:
            raise InvalidValue(f"no key {name!r} in a change: take {', '.join(_PATCH_KEYS)}")
    parts = {name: content.get(name, {}) for name in ("controls", "faults")}
    for name, part in parts.items():
        if not isinstance(part, dict):
            raise InvalidValue(f"{name} is no JSON object: write names and values")
    when = content.get("when")
    if when is not None and not isinstance(when, str):
        raise InvalidValue('when is no text: write INSTANCE:STATE, such as "turn-on:signing"')
    channel = content.get("channel")
    if channel is not None and (isinstance(channel, bool) or not isinstance(channel, int)):
        raise InvalidValue("channel is no whole number")
    face = content.get("face")
    if face is not None and not isinstance(face, str):
        raise InvalidValue('face is no text: write the name of one, such as "mbus"')
    return Change(parts["controls"], parts["faults"], when, channel, face)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise InvalidValue(f"the key {twice!r} comes twice")
    return result


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise InvalidValue(f"a number of {len(text)} digits is too large for anything here")
    return int(text)


def _constant(text: str) -> object:
    raise InvalidValue(f"{text} is no JSON")


class Control(Interface):
    """An open control interface; ``url`` and ``token`` are what its clients need."""

    def __init__(self, runtimes: Sequence[Runtime], token: str | None) -> None:
        super().__init__(token)
        self._runtimes = tuple(runtimes)
        self._meters = {runtime.meter.serial: runtime for runtime in runtimes}

    @classmethod
    async def open(cls, url: MeterURL, runtimes: Sequence[Runtime], token: str | None = None) -> Control:
        """Listen at ``http://HOST:PORT``; port 0 takes a free one. Without ``token`` one is drawn.

        :raises InvalidURL: no ``http`` address, or not one of the loopback.
        :raises PortInUse: the address is taken.
        """
        control = cls(runtimes, token)
        await control.listen(url)
        return control

    async def _route(self, request: Request) -> Response:
        for pattern, methods in ROUTES:
            found = pattern.fullmatch(request.path)
            if found is None:
                continue
            action = methods.get("GET" if request.method == "HEAD" else request.method)
            if action is None:
                allowed = ", ".join(methods)
                text = f"{request.path} knows the methods {allowed}"
                return json_response(405, {"error": text}, (("Allow", allowed),))
            serial = found.groupdict().get("serial")
            if serial is not None and serial not in self._meters:
                return json_response(404, {"error": f"no meter {serial!r} here: GET /meters names them"})
            response: Response = await action(self, request, serial)
            return response
        return json_response(404, {"error": f"no {request.path} here: there are /, /journal, /meters"})

    def _only(self, serial: str | None) -> Runtime:
        if serial is not None:
            return self._meters[serial]
        if len(self._runtimes) > 1:
            raise InvalidValue(f"there are {len(self._runtimes)} meters here: name one, /meters/SERIAL")
        return self._runtimes[0]

    async def _meters_list(self, _: Request, __: str | None) -> Response:
        return json_response(200, {"meters": [_summary(runtime) for runtime in self._runtimes]})

    async def _state(self, request: Request, serial: str | None) -> Response:
        if serial is None and len(self._runtimes) > 1:
            return await self._meters_list(request, None)
        return json_response(200, plain(self._only(serial).state()))

    async def _change(self, request: Request, serial: str | None) -> Response:
        runtime = self._only(serial)
        change = read_change(request.body)
        runtime.patch(change.controls, change.faults, change.when, change.channel, change.face)
        return json_response(200, plain(runtime.state()))

    async def _journal(self, request: Request, serial: str | None) -> Response:
        return await journal_response(self._only(serial), request)


class Journalled(Protocol):
    """Somebody who keeps a journal."""

    @property
    def ring(self) -> Ring: ...
    def journal(self, after: int = 0) -> list[dict[str, object]]: ...
    def watch(self, callback: Callable[[], None]) -> Callable[[], None]: ...


async def journal_response(source: Journalled, request: Request) -> Response:
    """The answer to ``GET /journal?after=N&wait=S``.

    :raises InvalidValue: another parameter, or no such number.
    """
    for name in request.query:
        if name not in ("after", "wait"):
            raise InvalidValue(f"no parameter {name!r} of the journal: take after, wait")
    after = int(_number(request, "after", 1 << 62, whole=True))
    wait = _number(request, "wait", LONGEST_WAIT)
    entries = await wait_for_entries(source, after, wait)
    content = {"entries": entries, "first": source.ring.first, "last": source.ring.last}
    return json_response(200, plain(content))


async def wait_for_entries(runtime: Journalled, after: int, wait: float) -> list[dict[str, object]]:
    """Journal entries with a number above ``after``; without any, those that come within ``wait`` real seconds."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait
    while not (entries := runtime.journal(after)) and loop.time() < until:
        arrived = asyncio.Event()
        forget = runtime.watch(arrived.set)
        try:
            await asyncio.wait_for(arrived.wait(), until - loop.time())
        except TimeoutError:
            continue
        finally:
            forget()
    return entries


def _number(request: Request, name: str, highest: int, *, whole: bool = False) -> float:
    text = request.query.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,19}" if whole else r"[0-9]{1,6}(\.[0-9]{1,9})?", text):
        raise InvalidValue(f"{name}={text!r}: write a {'whole ' if whole else ''}number")
    value = int(text) if whole else float(text)
    if value > highest:
        raise InvalidValue(f"{name}={text}: at most {highest}")
    return value


def _summary(runtime: Runtime) -> dict[str, object]:
    meter = runtime.meter
    return {"serial": meter.serial, "unit": meter.unit, "variant": meter.variant, "path": f"/meters/{meter.serial}"}


def plain(value: object) -> object:
    """What JSON can say of a value: whole decimals become integers, other decimals numbers, bytes hexadecimal."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "numerator") or isinstance(value, Decimal):
        number: Any = value
        return int(number) if number == int(number) else float(number)
    return str(value)


_Action = Callable[[Control, Request, str | None], Any]
_METER = r"/meters/(?P<serial>[^/]+)"
ROUTES: Sequence[tuple[re.Pattern[str], Mapping[str, _Action]]] = (
    (re.compile(rf"/|{_METER}"), {"GET": Control._state, "PATCH": Control._change}),
    (re.compile(rf"/journal|{_METER}/journal"), {"GET": Control._journal}),
    (re.compile(r"/meters"), {"GET": Control._meters_list}),
)
