"""What the specification says of status lines, headers and texts in the two modes."""

from __future__ import annotations

from tests.interop.g13_client import Answer

FORBIDDEN = b'{"status":"error","des":"Forbidden: Access Denied"}'
COSEM = b'{"status":"error","des":"received invalid response from COSEM."}'
DENIED = b'{"status":"error","des":"received READ_WRITE_DENIED response from COSEM"}'
UNAUTHORIZED = (
    b"<HTML>\n<HEAD><TITLE>401 Unauthorized</TITLE></HEAD>\n<BODY>\n<H1>401 Unauthorized</H1>\n"
    b"Browser not authentication capable or authentication failed.\n</BODY>\n</HTML>\n"
)
FORBIDDEN_HTML = b"<HTML><H1>403 Forbidden</H1></HTML>\n"
#: GD-35: what the original answers as 400 ``Invalid Request``.
UNKNOWN_TO_G13 = (404, 405, 413, 414, 415, 431)
#: 6.3
PRINTED = (
    ((5,), "missing ip in JSON"),
    ((6, 7, 8), "missing baudrate in JSON"),
    ((10, 12, 39, 40), "missing datetime tag in JSON"),
    ((18, 19, 25, 27, 53), "missing name and key tag in JSON"),
    ((32, 33, 34, 36, 37), "JSON parse error"),
)


def printed(resource: int) -> str:
    """The text of a 400 with compat=g13."""
    return next((text for numbers, text in PRINTED if resource in numbers), "Invalid Request")


def expected(g13: bool, resource: int, status: int, des: str) -> tuple[int, str]:
    """Status and text of an error in this mode, from what the default says."""
    if not g13:
        return status, des
    if status in UNKNOWN_TO_G13 or des.startswith("not supported by this meter"):
        return 400, "Invalid Request"
    if status == 400:
        return 400, printed(resource)
    if status == 500 and 69 <= resource <= 80:
        return 502, des
    if status == 403 and "READ_WRITE_DENIED" in des and resource in (72, 76, 80):
        return 200, des
    return status, des


#: Extensions that may stand in any place (11.2).
EXTENSIONS = ("Age", "Cache-Control", "Wattproof-Quality", "Set-Cookie")


def check_good_head(answer: Answer, g13: bool) -> None:
    """1.2 and GD-36: names, order and values."""
    assert (answer.status, answer.reason) == (200, "OK"), answer
    head = [(name, value) for name, value in answer.headers if name not in EXTENSIONS]
    server = "embOS/IP" if g13 else "wattproof"
    length = ("Transfer-Encoding", "chunked") if g13 else ("Content-Length", str(len(answer.body)))
    link = answer.header("Link")
    assert link is not None and link.startswith("/lasterror/")
    assert head == [("Content-Type", "application/json"), ("Server", server), length, ("Link", link)], answer.headers


def check_error_head(answer: Answer, g13: bool, kind: str = "application/json") -> None:
    """1.2: Accept-Ranges and Content-Length, no Link."""
    head = [("Server", "embOS/IP"), ("Accept-Ranges", "bytes")] if g13 else [("Server", "wattproof")]
    head += [("Content-Length", str(len(answer.body))), ("Content-Type", kind)]
    # RFC 9110 demands WWW-Authenticate with a 401, and the specification is silent about it.
    aside = ("X-Pad", "Allow", "Retry-After", *(() if g13 else ("WWW-Authenticate",)))
    found = [(name, value) for name, value in answer.headers if name not in aside]
    assert found == head, answer.headers
