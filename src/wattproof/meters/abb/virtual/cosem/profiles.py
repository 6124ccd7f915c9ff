"""The profiles, class 7: load profile, previous values, demand, logs, with what configures them (abb-meters.md 2.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wattproof.metering.dates import SECOND
from wattproof.metering.demand import ROWS as DEMAND_ROWS
from wattproof.metering.intervals import Period
from wattproof.metering.logs import ENTRIES as LOG_ROWS
from wattproof.metering.previous_values import ROWS as PREVIOUS_ROWS
from wattproof.meters.abb.rows import GOLD, PLATINUM, Row
from wattproof.meters.abb.shapes.recording import (
    CHANNELS,
    DEMAND,
    DEMAND_CONFIGURATION,
    DEMAND_SETTINGS,
    LOGS,
    PERIOD,
    PREVIOUS_COLUMNS,
    PREVIOUS_PERIOD,
    PREVIOUS_VALUES,
    DemandSettings,
    channel_columns,
    channel_name,
    channel_status,
    log_name,
)
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import CLOSED, Members, Object, resets, setting
from wattproof.meters.abb.virtual.cosem.tables import ChannelTable, DemandTable, LogTable, PreviousTable, Table
from wattproof.meters.abb.virtual.refusals import out_of_range
from wattproof.wire.cosem.classes import DATA, PROFILE_GENERIC
from wattproof.wire.cosem.data import Data, Tag, array, double_long_unsigned, enum, unsigned
from wattproof.wire.cosem.objects import Bound, BoundMethod
from wattproof.wire.cosem.selection import CLOCK_TIME, ENTRIES, RANGE
from wattproof.wire.cosem.shapes import number

#: Rows are kept first in, first out; that is by the time of the clock, as which clients select ranges.
_FIFO = 1


def _profile(
    name: str,
    table: Callable[[Body], Table],
    reset: Callable[[Body], object],
    *,
    capture: BoundMethod[Body] = CLOSED,
    **others: Any,
) -> Object:
    """A profile; ``others`` are attributes that may be written, or that are not as usual."""

    def columns(body: Body) -> Data:
        return array(column.data for column in table(body).columns)

    buffer = Bound[Body](
        lambda body: table(body).select(None),
        select=lambda body, selection: table(body).select(selection),
        selectors=(RANGE, ENTRIES),
    )
    attributes: Members = {
        "buffer": buffer,
        "capture_objects": columns,
        "capture_period": double_long_unsigned(0),
        "sort_method": enum(_FIFO),
        "sort_object": CLOCK_TIME.data,
        "entries_in_use": lambda body: double_long_unsigned(len(table(body))),
    }
    attributes.update(others)
    return Object(PROFILE_GENERIC, name, attributes, {"reset": resets(reset), "capture": capture})


# Load profile.


def _channel(channel: int) -> Object:
    columns = channel_columns(channel)

    def of(body: Body) -> ChannelTable:
        recorder = body.recorder
        return ChannelTable(channel, recorder.quantities[channel - 1], recorder.channels[channel - 1])

    def settings(body: Body) -> tuple[int | None, int, int]:
        """Quantity, interval (s) and capacity of the channel."""
        return body.recorder.quantities[channel - 1], *body.recorder.settings[channel - 1]

    def set_columns(body: Body, rows: tuple[Row, ...]) -> None:
        if len(rows) > 1:
            raise out_of_range(f"a channel of the load profile records one quantity, not {len(rows)}")
        _, interval, capacity = settings(body)
        body.set_channel(channel, rows[0].id if rows else None, interval, capacity)

    def set_interval(body: Body, interval: int) -> None:
        quantity, _, capacity = settings(body)
        body.set_channel(channel, quantity, interval, capacity)

    def set_capacity(body: Body, capacity: int) -> None:
        quantity, interval, _ = settings(body)
        body.set_channel(channel, quantity, interval, capacity)

    return _profile(
        channel_name(channel),
        of,
        lambda body: body.clear_channel(channel),
        capture_objects=setting(
            lambda body: array(column.data for column in of(body).columns), set_columns, columns.read
        ),
        capture_period=setting(lambda body: double_long_unsigned(settings(body)[1]), set_interval, number),
        profile_entries=setting(lambda body: double_long_unsigned(settings(body)[2]), set_capacity, number),
    )


def _channel_status(channel: int) -> Object:
    def get(body: Body) -> Data:
        kept = body.recorder.channels[channel - 1]
        return unsigned(0 if kept is None or not len(kept) else kept.row(-1).status)

    return Object(DATA, channel_status(channel).name, {"value": get})


# Previous values.


def _set_period(body: Body, period: Period) -> None:
    body.set_previous_values(period=period)


def _previous() -> Iterator[Object]:
    yield _profile(
        PREVIOUS_VALUES,
        PreviousTable,
        Body.clear_previous_values,
        capture_objects=setting(
            lambda body: array(column.data for column in PreviousTable(body).columns),
            lambda body, rows: body.set_previous_values(columns=[row.id for row in rows]),
            PREVIOUS_COLUMNS.read,
        ),
        profile_entries=double_long_unsigned(PREVIOUS_ROWS),
    )
    period = setting(lambda body: PERIOD.write(body.recorder.previous.period), _set_period, PERIOD.read, Tag.STRUCTURE)
    yield Object(DATA, PREVIOUS_PERIOD, {"value": period})


# Demand.


def _demand_settings(body: Body) -> Data:
    kept = body.recorder.demand
    settings = DemandSettings(kept.interval // SECOND, kept.sub_interval // SECOND, kept.period, kept.entries)
    return DEMAND_CONFIGURATION.write(settings)


def _set_demand(body: Body, wanted: DemandSettings) -> None:
    body.set_demand(wanted.entries, wanted.interval, wanted.sub_interval, wanted.period)


def _demand() -> Iterator[Object]:
    yield _profile(
        DEMAND,
        DemandTable,
        Body.clear_demand,
        capture=resets(Body.freeze_demand),
        profile_entries=double_long_unsigned(DEMAND_ROWS),
    )
    value = setting(_demand_settings, _set_demand, DEMAND_CONFIGURATION.read, Tag.STRUCTURE)
    yield Object(DATA, DEMAND_SETTINGS, {"value": value})


# Logs.


def _log(log: int) -> Object:
    return _profile(
        log_name(log),
        lambda body: LogTable(log, body),
        lambda body: body.clear_log(log),
        profile_entries=double_long_unsigned(LOG_ROWS),
    )


def profiles(variant: Variant) -> Iterator[Object]:
    """Those that a variant has."""
    if variant.level >= PLATINUM:
        yield from map(_channel, CHANNELS)
        yield from map(_channel_status, CHANNELS)
    if variant.level >= GOLD:
        yield from _previous()
        yield from _demand()
        yield from map(_log, LOGS)
