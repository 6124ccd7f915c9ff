"""A G13 gateway made of the printed examples alone, in bytes: what another maker's gateway would say to a client."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.g13.examples import ANSWERS
from wattproof.g13.client import G13Client
from wattproof.io.link import ByteLink
from wattproof.io.memory import memory_pair
from wattproof.io.trace import Trace
from wattproof.io.web import WebClient
from wattproof.model.clock import VirtualClock

SERIAL, USER, PASSWORD = "ABB_1", "admin", "correct horse"
TIME = "2012-07-01T00:00:00"
#: Number, method and path of each resource that has a printed answer, for the meter ABB_1.
PATHS = f"""
1 GET /about
4 GET /configuration
9 GET /gateway
11 GET /gateway/datetime
13 GET /gateway/events
15 POST /gateway/reboot
16 POST /gateway/execute
17 GET /users
21 GET /users/user1/bindings
24 GET /meters/firmwareupdatestatus
28 GET /parametermapping
29 GET /storablequantities
31 GET /meters
35 GET /meters/scanned
37 DELETE /meters/scanned
38 GET /permittedmeters
41 GET /meters/{SERIAL}/datetime
43 GET /meters/{SERIAL}/info
44 GET /meters/{SERIAL}/energy/conversionfactor
46 GET /meters/{SERIAL}/hardwareversion
47 GET /meters/{SERIAL}/mbusinfo
49 GET /meters/{SERIAL}/status
50 GET /meters/{SERIAL}/statusflags
51 GET /meters/{SERIAL}/events/{TIME}
52 GET /meters/{SERIAL}/alarms/configuration
54 GET /meters/{SERIAL}/energy/active
55 GET /meters/{SERIAL}/energy/active/co2
56 GET /meters/{SERIAL}/energy/resettable
58 GET /meters/{SERIAL}/energy/resetcounter
59 GET /meters/{SERIAL}/power
60 GET /meters/{SERIAL}/instrument
61 GET /meters/{SERIAL}/harmonics/voltage
62 GET /meters/{SERIAL}/harmonics/current
63 GET /meters/{SERIAL}/io
64 GET /meters/{SERIAL}/io/configuration
65 GET /meters/{SERIAL}/io/pulse
69 GET /meters/{SERIAL}/previousvalues
70 GET /meters/{SERIAL}/previousvalues/configuration
73 GET /meters/{SERIAL}/loadprofiles
74 GET /meters/{SERIAL}/loadprofiles/configuration
77 GET /meters/{SERIAL}/demand
78 GET /meters/{SERIAL}/demand/configuration
81 GET /meters/{SERIAL}/tariff
83 GET /meters/{SERIAL}/tariff/dayprofiles
85 GET /meters/{SERIAL}/tariff/weekprofiles
87 GET /meters/{SERIAL}/tariff/seasonprofiles
89 GET /meters/{SERIAL}/tariff/specialdayprofiles
"""
SUCCESS = b'{"status":"success"}'
UNAUTHORIZED = (
    b"<HTML>\n<HEAD><TITLE>401 Unauthorized</TITLE></HEAD>\n<BODY>\n<H1>401 Unauthorized</H1>\n"
    b"Browser not authentication capable or authentication failed.\n</BODY>\n</HTML>\n"
)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many"}
REASONS |= dict.fromkeys((500, 502), "Internal Server Error")


def error(text: str) -> bytes:
    return json.dumps({"status": "error", "des": text}, separators=(",", ":")).encode()


class FakeG13:
    """``compat``: it is an original. ``answers``: status and body by method and path, examples unless a test says else.
    ``broken``: answers that break off after so many bytes, and the id of the reason. ``reasons``: of ``broken``.
    ``asked``: requests as (method, path, body). ``deaf``: how many requests get no answer at all.
    ``age``: header of good answers of ours."""

    def __init__(self, *, compat: bool) -> None:
        self.clock = VirtualClock()
        self.compat = compat
        self.answers: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.broken: dict[tuple[str, str], tuple[int, int]] = {}
        self.reasons: dict[int, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, bytes]] = []
        self.heard: list[bytes] = []
        self.deaf = 0
        self.age = 0
        printed = {example.number: example.text.encode() for example in ANSWERS}
        for line in PATHS.split("\n"):
            if line:
                number, method, path = line.split()
                self.answers[method, path] = (200, printed[int(number)])

    async def open(self) -> ByteLink:
        near, far = memory_pair(self.clock, "https://fake")

        def answer(data: bytes) -> bytes:
            self.heard.append(data)
            if self.deaf:
                self.deaf -= 1
            else:
                far.put(self.reply(data))
            far.cut()
            return b""

        far.answer = answer
        return near

    def reply(self, data: bytes) -> bytes:
        """The bytes of the answer to a request."""
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        method, path, _ = first.split(" ")
        assert headers.get("Content-Length", "0") == str(len(body))
        self.asked.append((method, path, body))
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != f"Basic {wanted}":
            return self.framed(401, UNAUTHORIZED, "text/html")
        if (method, path) in self.broken:
            return self.cut_off(method, path)
        if path.startswith("/lasterror/"):
            found = self.reasons.get(int(path.rpartition("/")[2]))
            return (
                self.framed(404, error("unknown error id"))
                if found is None
                else self.framed(200, json.dumps(found).encode())
            )
        status, text = self.answers.get((method, path), (200, SUCCESS) if method != "GET" else (404, error("x")))
        return self.framed(status, text)

    def framed(self, status: int, body: bytes, kind: str = "application/json", id: int = 0) -> bytes:
        """An answer with the headers of the mode."""
        lines = [f"HTTP/1.1 {status} {REASONS[status]}", f"Server: {'embOS/IP' if self.compat else 'wattproof'}"]
        lines.append(f"Content-Type: {kind}")
        if status != 200:
            lines += ["Accept-Ranges: bytes", f"Content-Length: {len(body)}"]
        elif self.compat:
            lines += ["Transfer-Encoding: chunked", f"Link:/lasterror/{id}"]
            body = self.chunked(body) + b"0\r\n\r\n"
        else:
            lines += [f"Content-Length: {len(body)}", f"Link: </lasterror/{id}>", f"Age: {self.age}"]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def chunked(self, body: bytes) -> bytes:
        parts = [body[at : at + 37] for at in range(0, len(body), 37)]
        return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)

    def cut_off(self, method: str, path: str) -> bytes:
        """An answer that breaks off: the original ends it like any other, ours does not (11.5)."""
        size, id = self.broken[method, path]
        body = self.answers[method, path][1][:size]
        if self.compat:
            return self.framed(200, body, id=id)
        head = f"HTTP/1.1 200 OK\r\nServer: wattproof\r\nTransfer-Encoding: chunked\r\nLink: /lasterror/{id}\r\n\r\n"
        return head.encode() + self.chunked(body)

    def client(self, *, password: str | None = PASSWORD, trace: Trace | None = None, **options: Any) -> G13Client:
        from wattproof.g13.asking import veiled

        link = WebClient(
            self.open, name="https://fake", host="fake", clock=self.clock, retries=0, trace=trace, veil=veiled
        )
        return G13Client(link, password=password, **options)
