"""Why a request is not answered, and how that is put into words in both modes (g13-api.md 1.3, 6.3, GD-07, GD-08,
GD-22, GD-35, GD-38, GD-39)."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.errors import StorageError, WattproofError
from wattproof.g13.bodies import INVALID_REQUEST, PRINTED, BadRequest
from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.local import CommandFailed, Failing

FORBIDDEN = "Forbidden: Access Denied"
COSEM = "received invalid response from COSEM."
DENIED = "received READ_WRITE_DENIED response from COSEM"
INTERNAL = "internal error"
#: How the refusal of a resource begins that a meter does not have (10.3).
UNSUPPORTED = "not supported by this meter: "
#: One scan at a time; the original forbids a second one (GD-48).
SCANNING = "scan in progress"
#: Spelling of the original (1.3).
INTERNAL_EXECUTE = "Inetrnal Server Error"

#: Statuses that the original does not know; with ``compat=g13`` they are 400 (GD-35).
_UNKNOWN = frozenset({404, 405, 413, 414, 415, 431})
_EXECUTE = 16
#: Clearing resources that answer a refusal of the meter under a good status line (GD-08), and those that call a failure
#: of the meter 502 (GD-07).
_CLEARING = frozenset({72, 76, 80})
_RECORDED = frozenset(range(69, 81))
_SESSION = frozenset({2, 3})


class Problem(WattproofError):
    """A request is answered with an error: HTTP ``status``, ``text`` of the member ``des``.

    ``html``: the page of that status stands in the place of the JSON body. ``reason``: of the status line, where it is
    not the usual one. ``good``: framed like a good answer. ``where``: the member of a composite write that was reached.
    """

    def __init__(
        self,
        status: int,
        text: str,
        *,
        html: bool = False,
        retry_after: float | None = None,
        allow: tuple[str, ...] = (),
        where: str | None = None,
        detail: str = "",
        reason: bytes | None = None,
        good: bool = False,
    ) -> None:
        super().__init__(text)
        self.status, self.text, self.html, self.retry_after, self.allow = status, text, html, retry_after, allow
        self.where, self.detail, self.reason, self.good = where, detail, reason, good
        self.http_status = status


def invalid(text: str) -> Problem:
    """400."""
    return Problem(400, text)


#: HTTP status by kind of failure.
STATUSES: Mapping[Failing, int] = {
    Failing.INVALID: 400,
    Failing.UNSUPPORTED: 400,
    Failing.CONFLICT: 400,
    Failing.DENIED: 403,
    Failing.UNKNOWN: 404,
    Failing.METER: 500,
    Failing.STORAGE: 500,
    Failing.INTERNAL: 500,
    Failing.BUSY: 503,
    Failing.GONE: 503,
}


def problem(error: Exception) -> Problem:
    """Any error as a problem. What nobody foresaw is 500 without its text, which may tell too much."""
    match error:
        case Problem():
            return error
        case CommandFailed():
            return Problem(
                STATUSES[error.kind],
                error.text,
                where=error.where,
                detail=error.detail,
                retry_after=error.retry_after or (1 if STATUSES[error.kind] == 503 else None),
            )
        case BadRequest():
            return Problem(400, error.text)
        case Refusal():
            return Problem(error.status, error.text, html=error.html, retry_after=error.retry_after)
        case StorageError():
            return Problem(500, "storage failed", detail=str(error))
    return Problem(500, INTERNAL, detail=f"{type(error).__name__}: {error}")


def worded(found: Problem, resource: int | None, *, compat: bool) -> Problem:
    """The problem as the mode puts it; ``resource``: its number, ``None`` where the request has none."""
    if resource in _SESSION and found.status == 403:
        return Problem(403, found.text, html=True)
    if resource == _EXECUTE and found.status == 500:
        return Problem(500, INTERNAL_EXECUTE, detail=found.detail)
    if compat:
        return _printed(found, resource)
    if found.where:
        return Problem(found.status, f"{found.text} at {found.where}", retry_after=found.retry_after)
    return found


def _printed(found: Problem, resource: int | None) -> Problem:
    """As the original would (``compat=g13``)."""
    if found.status in _UNKNOWN:
        return Problem(400, INVALID_REQUEST)
    match found.status:
        case 400 if found.text == SCANNING:
            return Problem(403, FORBIDDEN)
        case 400 if found.text.startswith(UNSUPPORTED):
            return Problem(400, INVALID_REQUEST)
        case 400:
            return Problem(400, PRINTED.get(resource or 0, INVALID_REQUEST))
        case 429:
            return Problem(401, found.text, html=True)
        case 403 if found.text == DENIED and resource in _CLEARING:
            return Problem(200, DENIED, good=True)
        case 500 | 503:
            text = COSEM if found.status == 503 or found.text == INTERNAL else found.text
            if resource in _RECORDED:
                return Problem(502, text, reason=b"Internal Server Error")
            return Problem(500, text)
    return Problem(found.status, found.text, html=found.html)
