"""What goes wrong at a meter, in the words of the interface (g13-api.md 11.3; abb-meters.md 2.15)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wattproof.errors import (
    HttpRefused,
    InvalidValue,
    LinkError,
    ModbusRefused,
    ReadOnly,
    UnknownName,
    UsageError,
    WattproofError,
)
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.wire.modbus.exceptions import ExceptionCode

#: Modbus exceptions on a read, and on a write where they mean something else.
MODBUS = {
    ExceptionCode.ILLEGAL_FUNCTION: Cause.OBJECT_UNDEFINED,
    ExceptionCode.ILLEGAL_DATA_ADDRESS: Cause.OBJECT_UNDEFINED,
    ExceptionCode.ILLEGAL_DATA_VALUE: Cause.OBJECT_UNDEFINED,
}
MODBUS_WRITING = MODBUS | {
    ExceptionCode.ILLEGAL_DATA_VALUE: Cause.TYPE_UNMATCHED,
    ExceptionCode.SERVER_DEVICE_FAILURE: Cause.READ_WRITE_DENIED,
}
HTTP_WRITING = {403: Cause.READ_WRITE_DENIED, 400: Cause.READ_WRITE_DENIED}
#: What a meter has not, begins like this (10.3).
UNSUPPORTED = "not supported by this meter: "


def cause_of(error: WattproofError, *, writing: bool = False) -> Cause:
    """The text for an error of a driver, on any bus."""
    if isinstance(error, MeterRefused):
        return error.cause
    if isinstance(error, ModbusRefused) and not isinstance(error, LinkError):
        return _known(error.code, MODBUS_WRITING if writing else MODBUS)
    if isinstance(error, HttpRefused) and writing:
        return HTTP_WRITING.get(error.status, Cause.INVALID_RESPONSE)
    return Cause.INVALID_RESPONSE


def _known(code: int, table: dict[ExceptionCode, Cause]) -> Cause:
    return next((cause for known, cause in table.items() if known == code), Cause.INVALID_RESPONSE)


def failure(error: WattproofError, *, writing: bool = False, where: str | None = None) -> CommandFailed:
    """An error of a driver as the failure of a command; ``detail`` keeps its own words."""
    if isinstance(error, CommandFailed):
        if where is not None and error.where is None:
            error.where = where
        return error
    if isinstance(error, UsageError):
        return CommandFailed(_usage(error), "Invalid Request", detail=str(error), where=where)
    cause = cause_of(error, writing=writing)
    kind = Failing.DENIED if cause is Cause.READ_WRITE_DENIED else Failing.METER
    return CommandFailed(kind, cause.value, detail=str(error), where=where)


def _usage(error: UsageError) -> Failing:
    return Failing.UNSUPPORTED if isinstance(error, UnknownName | ReadOnly) else Failing.INVALID


@contextmanager
def told(*, writing: bool = False, where: str | None = None) -> Iterator[None]:
    """Raise what a driver raises as ``CommandFailed``; ``where`` names the member that is being written (11.4)."""
    try:
        yield
    except WattproofError as error:
        found = failure(error, writing=writing, where=where)
        if found is error:
            raise
        raise found from error


@contextmanager
def valid(text: str) -> Iterator[None]:
    """What depends on the meter and does not hold is the caller's mistake: 400 with ``text``."""
    try:
        yield
    except InvalidValue as error:
        raise CommandFailed(Failing.INVALID, text, detail=str(error)) from error


def unsupported(what: str) -> CommandFailed:
    """400: this meter has no such thing."""
    return CommandFailed(Failing.UNSUPPORTED, f"{UNSUPPORTED}{what}")


def invalid(text: str, detail: str = "") -> CommandFailed:
    """400 with this text."""
    return CommandFailed(Failing.INVALID, text, detail=detail)


def denied(detail: str) -> CommandFailed:
    """403: the meter refuses, or the gateway refuses in its place."""
    return CommandFailed(Failing.DENIED, Cause.READ_WRITE_DENIED.value, detail=detail)
