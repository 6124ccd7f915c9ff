"""``VirtualMeter``: a meter for tests and notebooks, in an event loop or without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from wattproof.errors import InvalidValue, UnknownName
from wattproof.io.url import ADDRESS_OPTION, parse_url
from wattproof.meters import registry
from wattproof.meters.simulation import Plan, Simulation
from wattproof.virtual.control import plain, wait_for_entries

T = TypeVar("T")


class VirtualMeter:
    """A running virtual meter, as async or as plain context manager.

    ::

        async with VirtualMeter("bsm", answer_delay=0) as virtual:
            async with open_meter(f"bsm+{virtual.urls[0]}") as meter: ...
            virtual.faults["contactor-stuck-closed"] = True
            virtual.controls["doe"] = False

        with VirtualMeter("bsm", speed=100) as virtual:    # runs in a thread of its own
            ...

    :param model: ``FAMILY`` or ``FAMILY:VARIANT``; ``variant`` may also be given alone.
    :param listen: addresses (``tcp://127.0.0.1:0``, ``pty:///tmp/meter``, ...), by default one on a free port: Modbus
        TCP, or M-Bus for ``abb``.
    :param speed: meter seconds per real second.
    :param faults: texts ``NAME[=VALUE][@STATE]``, or a mapping of names and values.
    :param state: folder in which state survives; an existing one means power-up after a power failure.
    :param key: private signing key (PEM or DER), or the file that holds it.
    :param settings: what ``--set`` takes. ``options`` are the same as keywords: ``answer_delay=0``, ``blocking=False``.
    :raises UsageError: on entering, when something of it is not possible.
    """

    def __init__(
        self,
        model: str = "bsm",
        *,
        variant: str | None = None,
        listen: Sequence[str] | str | None = None,
        unit: int | None = None,
        serial: str | None = None,
        seed: int | None = None,
        speed: str | int | float | Decimal | Fraction = 1,
        load: str | None = None,
        faults: Sequence[str] | Mapping[str, object] = (),
        state: Path | str | None = None,
        key: bytes | Path | str | None = None,
        control: str | None = None,
        settings: Mapping[str, object] | None = None,
        **options: object,
    ) -> None:
        chosen = {**(settings or {}), **{_written(name): value for name, value in options.items()}}
        later = faults if isinstance(faults, Mapping) else {}
        self._plan = Plan(
            model=model if variant is None or ":" in model else f"{model}:{variant}",
            listen=(listen,) if isinstance(listen, str) else tuple(listen or ()),
            unit=unit,
            serial=serial,
            seed=seed,
            speed=speed,
            load=load,
            settings={name: _text(value) for name, value in chosen.items()},
            faults=() if isinstance(faults, Mapping) else tuple(faults),
            state=None if state is None else Path(state),
            key=read_key_file(key) if isinstance(key, Path | str) else key,
            control=control,
        )
        self._first_faults: Mapping[str, object] = later
        self._simulation: Simulation | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        #: What the world does to the meter (bsm.md 28.5): ``controls["doe"] = False``.
        self.controls = _Names(self, "controls")
        #: What is wrong with it (28.3, 28.4): ``faults["garble"] = 20``, ``del faults["garble"]``.
        self.faults = _Names(self, "faults")

    # -- beginning and end -----------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def __enter__(self) -> Self:
        self._loop = loop = _new_loop()
        self._thread = threading.Thread(target=_run, args=(loop,), name=f"virtual {self._plan.model}", daemon=True)
        self._thread.start()
        try:
            self._await(self._start())
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._await(self._stop())
        finally:
            self._end_thread()

    async def _start(self) -> None:
        plan = self._plan
        if not plan.listen:
            usual = parse_url(registry.find(plan.model)[0].listen)
            plan = replace(plan, listen=(str(replace(usual, port=0)),))
        self._simulation = await Simulation.start(plan)
        if self._first_faults:
            try:
                self._simulation.meters[0].runtime.patch({}, self._first_faults)
            except BaseException:
                await self._stop()
                raise

    async def _stop(self) -> None:
        simulation, self._simulation = self._simulation, None
        if simulation is not None:
            await simulation.close()

    def _end_thread(self) -> None:
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def _running(self) -> Simulation:
        if self._simulation is None:
            raise InvalidValue("the virtual meter does not run: use it inside 'with' or 'async with'")
        return self._simulation

    @property
    def urls(self) -> list[str]:
        """Where it listens: ``tcp://127.0.0.1:40123``. Put the model in front for a meter's address."""
        return self._running.listen

    @property
    def url(self) -> str:
        """The whole address of the meter at its first listener: ``bsm+tcp://127.0.0.1:40123?unit=42``."""
        running = self._running.meters[0]
        address = running.urls[0]
        named = ADDRESS_OPTION.get(address.framing)
        options = {named: self._do(lambda: running.meter.unit_on(address.framing))} if named else {}
        return f"{running.meter.model}+{address.with_options(**options)}"

    @property
    def model(self) -> str:
        """The family."""
        return self._running.meters[0].meter.model

    @property
    def variant(self) -> str:
        """The firmware variant."""
        return self._running.meters[0].meter.variant

    @property
    def serial(self) -> str:
        """The serial number."""
        return self._running.meters[0].meter.serial

    @property
    def unit(self) -> int:
        """The Modbus unit, or the address on M-Bus or HDLC, that it answers to now."""
        return self._do(lambda: self._running.meters[0].meter.unit)

    @property
    def public_key(self) -> bytes:
        """The public signing key (SubjectPublicKeyInfo, DER)."""
        return self._running.meters[0].meter.public_key

    @property
    def control_url(self) -> str | None:
        """Where the control interface listens, if one was asked for; ``token`` is its password."""
        control = self._running.control
        return None if control is None else control.url

    @property
    def token(self) -> str | None:
        """The bearer token of the control interface."""
        control = self._running.control
        return None if control is None else control.token

    @property
    def state(self) -> dict[str, Any]:
        """Everything about it at this moment, as ``GET /`` of the control interface (bsm.md 28.5)."""
        return cast(dict[str, Any], self._do(lambda: plain(self._running.meters[0].runtime.state())))

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Requests, answers and events so far, oldest first; each has ``n``, ``time``, ``kind`` and its own keys."""
        return self.journal_after(0)

    def journal_after(self, number: int) -> list[dict[str, Any]]:
        """Those entries of the journal whose ``n`` is above ``number``."""
        return cast(list[dict[str, Any]], self._do(lambda: plain(self._running.meters[0].runtime.journal(number))))

    # -- changing it -----------------------------------------------------------------------------------------------

    def change(
        self,
        controls: Mapping[str, object] | None = None,
        faults: Mapping[str, object] | None = None,
        when: str | None = None,
        channel: int | None = None,
        face: str | None = None,
    ) -> None:
        """Change controls and faults now, or at a named state such as ``turn-on:signing``; all or nothing.

        ``channel``: of one meter behind a display that has several. ``face``: faults of the link on one of several
        faces alone, ``mbus`` or ``cosem``.

        :raises UnknownName: a name that is not in the closed tables.
        :raises InvalidValue: a value out of range.
        """
        self._do(lambda: self._running.meters[0].runtime.patch(controls or {}, faults or {}, when, channel, face))

    async def control(
        self,
        controls: Mapping[str, object] | None = None,
        faults: Mapping[str, object] | None = None,
        when: str | None = None,
        **named: object,
    ) -> dict[str, Any]:
        """``change`` for coroutines, controls also as keywords (``doe=False``); returns the new state."""
        self.change({**(controls or {}), **named}, faults, when)
        return self.state

    async def wait_for_journal(self, after: int = 0, timeout: float = 5.0) -> list[dict[str, Any]]:
        """Entries above ``after``; without any, those that come within ``timeout`` real seconds."""
        work = self._entries(after, timeout)
        if self._thread is None:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, cast(Any, self._loop)))

    def wait_journal(self, after: int = 0, timeout: float = 5.0) -> list[dict[str, Any]]:
        """``wait_for_journal`` for synchronous tests."""
        return self._await(self._entries(after, timeout))

    async def _entries(self, after: int, timeout: float) -> list[dict[str, Any]]:
        entries = await wait_for_entries(self._running.meters[0].runtime, after, timeout)
        return cast(list[dict[str, Any]], plain(entries))

    def _do(self, action: Callable[[], T]) -> T:
        """Run ``action`` where the meter runs."""
        if self._thread is None or threading.current_thread() is self._thread:
            return action()

        async def run() -> T:
            return action()

        return self._await(run())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None or self._thread is None:
            work.close()
            raise InvalidValue("this needs a virtual meter in a thread of its own: open it with 'with'")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class _Names(MutableMapping[str, Any]):
    """Controls or faults of a meter by name. Reading gives the present values, writing changes the meter at once."""

    def __init__(self, owner: VirtualMeter, kind: str) -> None:
        self._owner = owner
        self._kind = kind

    def _present(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._owner.state[self._kind])

    def __getitem__(self, name: str) -> Any:
        present = self._present()
        if name not in present:
            if self._kind == "faults":
                return False
            raise UnknownName(f"no control {name!r} has a value: {', '.join(present)} have one")
        return present[name]

    def _change(self, values: Mapping[str, object]) -> None:
        if self._kind == "controls":
            self._owner.change(controls=values)
        else:
            self._owner.change(faults=values)

    def __setitem__(self, name: str, value: object) -> None:
        self._change({name: value})

    def __delitem__(self, name: str) -> None:
        self._change({name: False})

    def __iter__(self) -> Iterator[str]:
        return iter(self._present())

    def __len__(self) -> int:
        return len(self._present())

    def __contains__(self, name: object) -> bool:
        return name in self._present()


def read_key_file(path: Path | str) -> bytes:
    """A private key from a file.

    :raises InvalidValue: the file cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidValue(f"the key file {path} cannot be read: {error.strerror}") from error


def _written(name: str) -> str:
    """A keyword as ``--set`` spells it: ``answer_delay`` has a hyphen there, the parameter ``P03_02`` has none."""
    return name if name.isupper() else name.replace("_", "-")


def _text(value: object) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return cast(asyncio.AbstractEventLoop, uvloop.new_event_loop())


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
