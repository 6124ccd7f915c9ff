"""Asking a G13 gateway, of ABB or of ours, for any of its 91 resources (g13-api.md).

Credentials come with every request; there is no session to keep. Answers are taken in every form that section 6 knows
and come out in one, that of section 3. What was odd, but taken, stands in ``warnings``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattproof.errors import Disconnected, LinkError, ProtocolError, ResponseTimeout, UsageError
from wattproof.g13 import asking
from wattproof.g13.accepting import NORMAL, Accepting
from wattproof.g13.bodies import UPLOAD, accept
from wattproof.g13.failures import GatewayRefused, MeterFailed
from wattproof.g13.resources import BY_NUMBER, Resource
from wattproof.g13.routing import target
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.io.web import BrokenOff, Limits, WebAnswer, WebLink, password_of, web_link, web_link_blocking
from wattproof.model.clock import Clock

USER = "admin"
#: An answer may be a whole load profile (GD-37): 16 MiB, and minutes long.
LIMITS = Limits(body=16 * 1024 * 1024, silence=asking.WAIT, whole=600.0)
#: Resources with another path that some gateways know alone (GD-04 to GD-06, GD-21), and what such a gateway answers.
RENAMED = frozenset({7, 8, 44, 45, 59, 87, 88})
UNKNOWN_PATH = (400, 404)
LASTERROR, METERS, SCANNED, SCAN = BY_NUMBER[91], BY_NUMBER[31], BY_NUMBER[35], BY_NUMBER[36]
RUNNING, COMPLETE = 2, 1
#: Seconds between two looks at a scan, and after which one that has not begun will not (GD-01).
SCAN_POLL, SCAN_BEGIN = 1.0, 5.0


@dataclass(frozen=True, slots=True)
class Registered:
    """A meter of a gateway (31). ``protocol`` and ``address`` as in 10.1; ``status``: -1 offline, 0 registered, 1
    online; ``None`` where the gateway does not say."""

    serial: str
    alias: str = ""
    location: str = ""
    protocol: int | None = None
    address: int | str | None = None
    status: int | None = None


class G13Client:
    """A gateway behind ``link``.

    ``ours``: whether it is one of this package; ``age``: seconds of the oldest value in the last answer, where it says.
    ``password``: of ``user``; without it nothing is asked. ``timeout``: seconds without a byte, instead of what the
    resource may take. ``retries``: further attempts of a reading request that got no answer. ``pulse_port_base``: first
    number of pulse ports where an answer does not tell, by default 0 (GD-11).

    Methods raise :class:`~wattproof.g13.failures.GatewayRefused`, :class:`~wattproof.g13.failures.MeterFailed`,
    :class:`~wattproof.errors.ProtocolError` and the errors of :class:`~wattproof.io.web.WebLink`.
    """

    def __init__(
        self,
        link: WebLink,
        *,
        user: str = USER,
        password: str | None = None,
        timeout: float | None = None,
        retries: int = 1,
        pulse_port_base: int = 0,
    ) -> None:
        self.link = link
        self.clock: Clock = link.clock
        self.user = user
        self.ours = False
        self.age = 0
        self._password = password
        self._timeout = timeout
        self._retries = retries
        self._how = Accepting(pulse_port_base)
        self._renamed: set[int] = set()

    @classmethod
    def open(cls, place: MeterURL, *, trace: Trace | None = None) -> G13Client:
        """The client of an address, on the running event loop; it connects when asked."""
        return cls._of(web_link(place, trace=trace, veil=asking.veiled, limits=LIMITS), place)

    @classmethod
    def open_blocking(cls, place: MeterURL, *, trace: Trace | None = None) -> G13Client:
        """The same without an event loop: its coroutines never suspend."""
        return cls._of(web_link_blocking(place, trace=trace, veil=asking.veiled, limits=LIMITS), place)

    @classmethod
    def _of(cls, link: WebLink, place: MeterURL) -> G13Client:
        return cls(
            link,
            user=place.options.get("user", USER),
            password=password_of(place),
            timeout=place.number("timeout", 0.0) or None,
            retries=place.whole("retries", 1),
        )

    @property
    def warnings(self) -> list[str]:
        """What was odd in answers, but taken; each once."""
        return self._how.warnings

    async def close(self) -> None:
        """End what is open; harmless at any time."""
        await self.link.close()

    # Asking ---------------------------------------------------------------------------------------------------------

    async def ask(self, number: int, body: Any = None, **arguments: str | int) -> Any:
        """Use a resource: its answer in the form of section 3, ``None`` where it has none (2, 3).

        ``arguments`` are those of its path (``from_`` stands for ``from``). ``body``: members as in section 3; decimals
        may be ``Decimal``.
        """
        resource = BY_NUMBER[number]
        given = {name.rstrip("_"): value for name, value in arguments.items()}
        return await self._document(resource, asking.encoded(resource, body), given)

    async def upload(self, image: bytes, filename: str = "image") -> None:
        """Bring an image into the gateway (25)."""
        kind, body = asking.form(image, filename)
        await self._document(BY_NUMBER[UPLOAD], body, {}, {"Content-Type": kind})

    async def _document(
        self,
        resource: Resource,
        body: bytes | None,
        arguments: Mapping[str, str | int],
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        meter = str(arguments["serial"]) if "serial" in arguments else None
        try:
            answer = await self._answer(resource, body, arguments, headers or {}, meter)
        except BrokenOff as error:
            await self._raise_reason(error.answer, resource, meter)
            raise
        if resource.number not in (2, 3):
            try:
                document = accept(resource, answer.body)
            except ProtocolError:
                await self._raise_reason(answer, resource, meter)
                raise
            if normal := NORMAL.get(resource.number):
                normal(document, self._how)
            return document
        return None

    async def _answer(
        self,
        resource: Resource,
        body: bytes | None,
        arguments: Mapping[str, str | int],
        headers: Mapping[str, str],
        meter: str | None,
    ) -> WebAnswer:
        """A good answer; what does not know the path of a resource is asked by its other one (GD-04)."""
        renamed = resource.number in self._renamed
        try:
            return await self._once(
                resource, target(resource, arguments, alias=0 if renamed else None), body, headers, meter
            )
        except GatewayRefused as error:
            if renamed or self.ours or resource.number not in RENAMED or error.status not in UNKNOWN_PATH:
                raise
            try:
                answer = await self._once(resource, target(resource, arguments, alias=0), body, headers, meter)
            except GatewayRefused:
                raise error from None
            self._renamed.add(resource.number)
            return answer

    async def _once(
        self, resource: Resource, path: str, body: bytes | None, headers: Mapping[str, str], meter: str | None
    ) -> WebAnswer:
        if self._password is None:
            raise UsageError(
                f"the gateway {self.link.name} wants the password of {self.user}: write it into a file and name that "
                "with ?password-file=PATH, or set WATTPROOF_PASSWORD"
            )
        sent = {"Authorization": asking.credentials(self.user, self._password), "Connection": "close", **headers}
        attempts = 1 + (self._retries if resource.method == "GET" else 0)
        while True:
            attempts -= 1
            try:
                answer = await self.link.exchange(
                    resource.method, path, body, timeout=self._timeout or asking.wait_for(resource), headers=sent
                )
            except BrokenOff:
                raise
            except (ResponseTimeout, Disconnected):
                if not attempts:
                    raise
                continue
            self.ours, self.age = asking.is_ours(answer), asking.age(answer)
            asking.check(answer, resource, meter=meter, gateway=self.link.name)
            return answer

    async def _raise_reason(self, answer: WebAnswer, resource: Resource, meter: str | None) -> None:
        """Ask why an answer broke off, and raise that (11.5). Returns if the gateway does not say."""
        id = asking.error_id(answer)
        if not id or resource is LASTERROR:
            return
        try:
            found = await self.ask(LASTERROR.number, id=id)
        except (GatewayRefused, LinkError, ProtocolError):
            return
        if found.get("status") == "error":
            raise MeterFailed(
                answer.status,
                found.get("des", ""),
                resource=resource,
                meter=found.get("serial", meter),
                gateway=self.link.name,
                detail=found.get("detail", ""),
            )

    # What takes more than one answer ----------------------------------------------------------------------------------

    async def meters(self) -> list[Registered]:
        """The meters that the user may see, in the gateway's order."""
        found = await self.ask(METERS.number)
        return [
            Registered(
                meter.get("serial", ""),
                meter.get("alias", ""),
                place.get("location", ""),
                meter.get("protocol"),
                meter.get("address"),
                meter.get("status"),
            )
            for place in found.get("locations", ())
            for meter in place.get("meters", ())
        ]

    async def scan(self, token: int, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Scan, and wait until it is over: what was found (35, 36). ``body`` as in section 3.

        Raises :class:`~wattproof.errors.ProtocolError` if the gateway takes the scan, but begins none (GD-01).
        """
        await self.ask(SCAN.number, {**body, "token": token}, token=token)
        begun = self.clock.now()
        while True:
            found = await self.ask(SCANNED.number)
            state, results = found.get("scancomplete", 0), found.get("scanresult", [])
            own = [result for result in results if result.get("token", token) == token]
            if state == COMPLETE or (state != RUNNING and own):
                return own
            if state != RUNNING and self.clock.now() - begun >= SCAN_BEGIN * 1e9:
                raise ProtocolError(f"the gateway {self.link.name} has taken the scan {token}, but there is no scan")
            await self.clock.sleep(SCAN_POLL)
