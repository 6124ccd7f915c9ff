"""What a server's refusals become on the client's side: errors that say what was refused and why."""

from __future__ import annotations

from wattproof.errors import AssociationRefused, CosemRefused, FrameError, ServiceRefused
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem.acse import AssociationResponse, Diagnostic
from wattproof.wire.cosem.apdus import Apdu, ConfirmedServiceError, ExceptionResponse
from wattproof.wire.cosem.results import Result

#: Tag of a ConfirmedServiceError.
_SERVICE_ERROR = 0x0E


def refusal(result: Result, what: str) -> CosemRefused:
    """The error of a result. ``what``: service and object, as in "GET of 3/1-0:32.7.0*255/2"."""
    return CosemRefused(int(result), f"{what} was refused: {result.text}")


def exception(answer: Apdu, what: str) -> ServiceRefused:
    """The error of an exception response to ``what``. Raises ``FrameError`` if it is another APDU."""
    if not isinstance(answer, ExceptionResponse):
        raise FrameError(f"{type(answer).__name__} answers {what}")
    text = f"{what} was answered with an exception: state {answer.state}, service {answer.service}"
    return ServiceRefused(answer.state, answer.service, text)


def not_associated(response: AssociationResponse) -> AssociationRefused:
    """The error of an AARE that accepts nothing."""
    number = response.diagnostic
    known = response.by_user and number in list(Diagnostic)
    reason = Diagnostic(number).name.lower().replace("_", " ") if known else "no known reason"
    if response.user_information and response.user_information[0] == _SERVICE_ERROR:  # others send their offer here
        error = apdus.decode(response.user_information)
        if isinstance(error, ConfirmedServiceError):
            reason += f", initiate error {error.code}"
    return AssociationRefused(response.result, number, f"the server accepts no association: {reason} ({number})")
