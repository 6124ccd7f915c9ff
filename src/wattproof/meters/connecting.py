"""From an address to a meter that can be asked, with or without an event loop.

The same drivers serve both: :func:`open_meter` runs them on asyncio, :func:`open_meter_sync` steps them over a link
that blocks.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from wattproof.drivers.mapped import RegisterDriver
from wattproof.drivers.modbus import ModbusLink, Timing, connect, connect_blocking, run_blocking
from wattproof.drivers.scan import KNOCK, Found
from wattproof.errors import FrameError, InvalidURL, LinkError, ProtocolError, Refused, ResponseTimeout
from wattproof.io.trace import Trace
from wattproof.io.url import AUTO, MODBUS, MeterURL, parse_url
from wattproof.io.web import SCHEMES, WebLink, web_link, web_link_blocking
from wattproof.meters import registry
from wattproof.meters.registry import Family

if TYPE_CHECKING:
    from wattproof.drivers.cosem.meter import CosemMeter
    from wattproof.drivers.mbus.meter import MbusMeter

MBUS = "mbus"
#: Channels that a remote display may have its meters on.
DISPLAY_CHANNELS = (1, 2, 3, 4)


@asynccontextmanager
async def open_meter(url: str | MeterURL, *, trace: Trace | None = None) -> AsyncIterator[Any]:
    """The driver of the meter at ``url``, connected; the connection ends with the block.

    ``url``: ``bsm+tcp://127.0.0.1:5020?unit=42``; without ``MODEL+`` the meter is asked who it is. What the driver
    offers depends on the family: ``read``, ``write``, ``info`` always; ``snapshot``, ``begin`` and ``end`` where it
    signs. ``trace`` records every byte.

    Raises:
        InvalidURL: the address cannot be read, or its scheme is not one of the family's.
        UnknownName: no such family or variant.
        Unreachable: no connection.
    """
    place = _parsed(url)
    family, variant = _family(place)
    if family is None and place.framing in SCHEMES:
        family = await detect_web(web_link(place, trace=trace), place.whole("channel", 0) or None)
    if family is None and place.framing in ANY_METER:
        name, recognise = ANY_METER[place.framing]
        driver = await recognise(await registry.family(name).load_reader(place.framing).open(place, trace=trace), place)
    elif family is not None and place.framing in family.readers:
        driver = await family.load_reader(place.framing).open(place, trace=trace)
    else:
        _check_modbus(place, family)
        own = _own_options(place, family)
        link = await _line(place, family, lambda chosen: connect(chosen, trace=trace))
        try:
            driver = await _driver(link, place, family, variant, own)
        except BaseException:
            await link.close()
            raise
    try:
        yield driver
    finally:
        await driver.close()


@contextmanager
def open_meter_sync(url: str | MeterURL, *, trace: Trace | None = None) -> Iterator[SyncMeter]:
    """The same without an event loop: every method of the driver returns its result when it is there.

    Use it in one thread. Raises what :func:`open_meter` raises.
    """
    place = _parsed(url)
    family, variant = _family(place)
    if family is None and place.framing in SCHEMES:
        family = run_blocking(detect_web(web_link_blocking(place, trace=trace), place.whole("channel", 0) or None))
    if family is None and place.framing in ANY_METER:
        name, recognise = ANY_METER[place.framing]
        any_meter = registry.family(name).load_reader(place.framing).open_blocking(place, trace=trace)
        driver = run_blocking(recognise(any_meter, place))
    elif family is not None and place.framing in family.readers:
        driver = family.load_reader(place.framing).open_blocking(place, trace=trace)
    else:
        _check_modbus(place, family)
        own = _own_options(place, family)

        async def opened(chosen: MeterURL) -> ModbusLink:
            return connect_blocking(chosen, trace=trace)

        link = run_blocking(_line(place, family, opened))
        try:
            driver = run_blocking(_driver(link, place, family, variant, own))
        except BaseException:
            run_blocking(link.close())
            raise
    try:
        yield SyncMeter(driver)
    finally:
        run_blocking(driver.close())


class SyncMeter:
    """A driver whose coroutines are run to their end when they are called, and whose asynchronous iterators are plain
    ones; everything else is the driver's own."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    @property
    def driver(self) -> Any:
        """The driver itself, for those who step its coroutines on their own."""
        return self._driver

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if inspect.isasyncgenfunction(found):
            return _iterated(found)
        return _stepped(found) if inspect.iscoroutinefunction(found) else found

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._driver)})


def _stepped(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return run_blocking(method(*arguments, **options))

    call.__doc__ = method.__doc__
    call.__name__ = method.__name__
    return call


def _iterated(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Iterator[Any]:
        items = method(*arguments, **options)

        async def item() -> Any:
            return await anext(items)

        while True:
            try:
                yield run_blocking(item())
            except StopAsyncIteration:
                return

    call.__doc__ = method.__doc__
    call.__name__ = method.__name__
    return call


def _parsed(url: str | MeterURL) -> MeterURL:
    return parse_url(url) if isinstance(url, str) else url


def _family(place: MeterURL) -> tuple[Family | None, str | None]:
    if place.model is None:
        return None, None
    family, _ = registry.find(place.model)
    return family, place.variant


async def _line(
    place: MeterURL, family: Family | None, opened: Callable[[MeterURL], Awaitable[ModbusLink]]
) -> ModbusLink:
    """The line of an address. With ``?framing=auto`` the one of two framings in which anything answers.

    Raises :class:`~wattproof.errors.ResponseTimeout` if nothing does in either.
    """
    if place.framing != AUTO:
        return await opened(place)
    unit = place.unit if place.unit is not None else family.unit if family is not None else 1
    for framing in ("tcp", "rtu"):
        link = await opened(place.with_options(framing=framing))
        try:
            await link.exchange(unit, KNOCK, timeout=place.number("timeout", Timing().timeout))
            return link
        except Refused:  # so somebody understood it, be it a gateway
            return link
        except (LinkError, FrameError):
            await link.close()
    raise ResponseTimeout(
        f"nothing answers unit {unit} at {place.place}, neither with framing=tcp nor with framing=rtu"
    )


def _check_modbus(place: MeterURL, family: Family | None) -> None:
    if family is not None and family.readers and family.driver is None and family.points is None:
        known = ", ".join(f"{scheme}://" for scheme in family.readers)
        raise InvalidURL(f"{place}: {place.scheme} does not lead to model {place.model}; these do: {known}")
    if place.framing not in MODBUS | {AUTO}:
        model = f"model {place.model}" if place.model else "a meter to be detected"
        raise InvalidURL(f"{place}: {place.scheme} does not lead to {model}; an example: bsm+tcp://127.0.0.1:5020")


def _own_options(place: MeterURL, family: Family | None) -> dict[str, Any]:
    """What only the driver of a family takes from an address; wrong ones are told before anything is opened."""
    maker = None if family is None else asking(family)
    if maker is not None and hasattr(maker, "url_options"):
        found: dict[str, Any] = maker.url_options(place)
        return found
    if "map" in place.options:
        raise InvalidURL(f"{place}: map= belongs to the model map; an example: {registry.family('map').example}")
    return {}


async def _driver(
    link: ModbusLink, place: MeterURL, family: Family | None, variant: str | None, own: Mapping[str, Any]
) -> Any:
    """The Modbus driver for a link. ``?timeout=`` also says how long the answer after a trigger may take."""
    if family is None:
        family = await detect(link, place.unit)
    options: dict[str, Any] = {"chunk": place.whole("chunk", 125), "variant": variant}
    if "timeout" in place.options:
        options["patience"] = place.number("timeout", 0)
    unit = family.unit if place.unit is None else place.unit
    return asking(family)(link, unit, **options, **own)


def asking(family: Family) -> Callable[..., Any]:
    """What makes the Modbus driver of a family: its own class, or the plain one where it has nothing but points.

    Raises :class:`~wattproof.errors.UnknownName` if it has neither.
    """
    if family.driver is None and family.points is not None:
        return partial(RegisterDriver, registers=family.load("points"), family=family.name)
    maker: Callable[..., Any] = family.load("driver")
    return maker


async def detect(link: ModbusLink, unit: int | None) -> Family:
    """The family of the meter at ``unit``, or at the default unit of each family.

    Raises:
        ProtocolError: something answers, but no family knows it.
        ResponseTimeout: nothing answers.
    """
    silence: ResponseTimeout | None = None
    answered = False
    for family in registry.probing():
        try:
            if await family.load("probe")(link, family.unit if unit is None else unit) is not None:
                return family
            answered = True
        except ResponseTimeout as error:
            silence = error
    if silence is not None and not answered:
        raise silence
    where = "the usual units" if unit is None else f"unit {unit}"
    known = ", ".join(registry.families())
    raise ProtocolError(f"what answers at {where} is no meter of a known family ({known}); name it: MODEL+tcp://...")


async def detect_web(link: WebLink, channel: int | None = None) -> Family:
    """The family of the meter at a web address.

    Raises :class:`~wattproof.errors.ProtocolError` if what answers is of no known family, and
    :class:`~wattproof.errors.LinkError` if nothing does.
    """
    for family in registry.web_probing():
        if await family.load("web_probe")(link, channel) is not None:
            return family
    known = ", ".join(row.name for row in registry.web_probing())
    raise ProtocolError(
        f"what answers at {link.name} is no meter of a known family ({known}); name it: MODEL+http://..., and behind a "
        f"display its channel: ?channel=1"
    )


async def on_mbus(meter: MbusMeter, place: MeterURL) -> MbusMeter:
    """The driver of the meter that answers, on the same line: that of its family, else the one for any meter.

    Raises what ``MbusMeter.info`` raises; the line is closed then.
    """
    try:
        await meter.info()
        family = registry.on_mbus(*meter.maker_and_medium)
        driver: MbusMeter = meter if family.name == meter.family else family.load_reader(MBUS).at(meter.bus, place)
    except BaseException:
        await meter.close()
        raise
    return driver


async def on_cosem(meter: CosemMeter, place: MeterURL) -> CosemMeter:
    """The driver of the meter that answers, on the same connection: that of its family, else the one for any meter.

    Raises what ``CosemMeter.identity`` raises; the line is closed then.
    """
    try:
        identity = await meter.identity()
        family = registry.on_cosem(identity.logical_device)
        driver: CosemMeter = (
            meter if family.name == meter.family else family.load_reader(place.framing).instead_of(meter)
        )
    except BaseException:
        await meter.close()
        raise
    return driver


#: Where any meter can be asked who it is: the family of any such meter, and what finds its own driver.
ANY_METER: Mapping[str, tuple[str, Callable[[Any, MeterURL], Coroutine[Any, Any, Any]]]] = {
    MBUS: (MBUS, on_mbus),
    **dict.fromkeys(("hdlc", "dlms", "dlms+udp"), ("cosem", on_cosem)),
}


async def at_site(place: MeterURL) -> list[Found]:
    """The meters at a web address: one, or those behind a display, which has none of its own; else what answers there.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    link = web_link(place)
    named = place.whole("channel", 0) or None
    channels: Sequence[int | None] = (named,) if named is not None else (None, *DISPLAY_CHANNELS)
    found = []
    for channel in channels:
        for family in registry.web_probing():
            info = await family.load("web_probe")(link, channel)
            if info is not None:
                url = place.with_model(family.name).with_options(channel=channel)
                found.append(Found(url, None, family.name, info, "REST"))
                break
        if found and channel is None:
            break
    return found or [Found(place, None, None, None, "HTTP, but no meter that is known")]
