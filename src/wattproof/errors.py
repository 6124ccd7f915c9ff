"""The error tree. Catch the branch you can do something about.

::

    WattproofError                     exit code of the command line
    |-- UsageError                     2   local misuse: nothing was sent
    |   |-- InvalidURL                     an address that cannot be read
    |   |-- UnknownName                    no such model, point, fault, control, option
    |   |-- InvalidValue                   a value outside its range
    |   |-- ReadOnly                       the point cannot be written
    |   `-- PortInUse                      the listener's address is taken
    |-- LinkError                      4   the other side cannot be reached
    |   |-- Unreachable                    no connection
    |   |   `-- SettingsRefused                a serial port that takes no such bit rate or format
    |   |-- ResponseTimeout                connected, but no answer in time
    |   |   `-- UnitSilent                     a gateway says so in its place; it is a ModbusRefused as well
    |   `-- Disconnected                   the connection ended in the middle
    |-- ProtocolError                  4   the other side answers, but not by the rules
    |   `-- FrameError                     damaged bytes: check sum, length, framing
    |-- Refused                        1   the other side understood and said no
    |   |-- ModbusRefused                  with its exception code
    |   |-- HttpRefused                    with its status
    |   |-- CosemRefused                   with its result code
    |   |-- AssociationRefused             a COSEM server accepts no association: result and diagnostic
    |   |-- ServiceRefused                 a COSEM server knows or allows no such service: state and service error
    |   |-- SnapshotFailed                 the meter ended a snapshot without a signature
    |   `-- SessionFailed                  a charging session could not be completed
    |       `-- MeterSilent                    because the meter is away: it may go on when the meter is back
    |-- VerificationError              1   a signed record does not hold what it claims
    `-- StorageError                   5   local disk: full, unreadable, damaged, locked

Every message says what happened, with which meter or file, at which address or field, and what to do.
``UsageError`` and ``Refused`` carry what a server edge should answer: a Modbus exception code or an HTTP status.
"""

from __future__ import annotations


class WattproofError(Exception):
    """Root of the tree; never raised itself."""

    exit_code = 1
    #: Modbus exception code that a server edge answers with (Modbus Application Protocol 1.1b3, section 7).
    modbus_exception = 0x04
    #: HTTP status that a server edge answers with.
    http_status = 500


class UsageError(WattproofError):
    """Local misuse: the call or the command line is wrong, nothing was sent."""

    exit_code = 2
    modbus_exception = 0x03
    http_status = 400


class InvalidURL(UsageError):
    """An address that cannot be read: unknown scheme, missing part, option out of range."""


class UnknownName(UsageError, ValueError):
    """No such model, point, fault, control or option."""

    modbus_exception = 0x02
    http_status = 404


class InvalidValue(UsageError, ValueError):
    """A value of the wrong type or outside its range."""


class ReadOnly(UsageError):
    """The point exists, but cannot be written."""

    http_status = 405


class PortInUse(UsageError):
    """The address on which a listener should open is taken."""


class LinkError(WattproofError):
    """The other side cannot be reached, or stopped answering."""

    exit_code = 4
    modbus_exception = 0x0B
    http_status = 504


class Unreachable(LinkError):
    """No connection: refused, no route, no such device file."""


class SettingsRefused(Unreachable):
    """A serial port does not take the bit rate or the character format."""


class ResponseTimeout(LinkError):
    """The request went out, no answer came in time."""


class Disconnected(LinkError):
    """The connection ended while an answer was expected."""


class ProtocolError(WattproofError):
    """The other side answers, but not by the rules of its protocol."""

    exit_code = 4
    http_status = 502


class FrameError(ProtocolError):
    """Damaged bytes: a check sum, a length or a delimiter is wrong."""


class Refused(WattproofError):
    """The other side understood the request and said no."""

    http_status = 409


class ModbusRefused(Refused):
    """A Modbus exception answer. ``code`` is the exception code, 1 to 255."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.modbus_exception = code


class HttpRefused(Refused):
    """An HTTP answer that is no success. ``status`` is its status, 100 to 999."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class CosemRefused(Refused):
    """A COSEM server gave a result instead of a value. ``result`` is its code, 1 to 255 (IEC 62056-53)."""

    def __init__(self, result: int, message: str) -> None:
        super().__init__(message)
        self.result = result


class AssociationRefused(Refused):
    """A COSEM server accepts no association. ``result`` 1 for good, 2 for now; ``diagnostic`` says why, 0 to 14."""

    def __init__(self, result: int, diagnostic: int, message: str) -> None:
        super().__init__(message)
        self.result = result
        self.diagnostic = diagnostic


class ServiceRefused(Refused):
    """An exception response of a COSEM server: ``state`` error and ``service`` error (IEC 62056-53)."""

    def __init__(self, state: int, service: int, message: str) -> None:
        super().__init__(message)
        self.state = state
        self.service = service


class SnapshotFailed(Refused):
    """A meter ended a snapshot without a signature. ``status`` is its St register, ``None`` if unknown."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class SessionFailed(Refused):
    """A charging session could not be begun, did not progress, or could not be ended."""


class MeterSilent(SessionFailed):
    """The meter of a session does not answer. Nothing says that the session is over: it may go on later."""


class UnitSilent(ResponseTimeout, ModbusRefused):
    """A gateway answered that the unit behind it does not: exceptions 0x0A and 0x0B (section 7 of the standard)."""


class VerificationError(WattproofError):
    """A signed record does not hold what it claims. ``report`` is the whole report, if one was made."""

    def __init__(self, message: str, report: object | None = None) -> None:
        super().__init__(message)
        self.report = report


class StorageError(WattproofError):
    """Local disk: full, unreadable, damaged, locked by another process."""

    exit_code = 5
    http_status = 507
