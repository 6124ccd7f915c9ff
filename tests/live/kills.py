"""``kill -9`` at random moments while clients write, read and charge; what must be there afterwards.

Writers change things one after the other and remember what was answered with success. What got no answer may have
happened or not, until the next success. Kills come at random moments, some of them about the end of a minute, when rows
are closed.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import signal
import ssl
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.live.running_gateway import PATIENCE, Gateway

#: Interval of the load profiles in seconds: the shortest there is.
INTERVAL = 60
#: Energy that a constant load of so many watts brings in an interval.
LOAD = 11040
KINDS = ("acquire", "serve", "both")
#: What a client that was cut off gets.
CUT = (OSError, http.client.HTTPException, ssl.SSLError)


class Client:
    """A client with a connection and an address of its own, which is made anew when it breaks."""

    def __init__(self, running: Gateway, number: int) -> None:
        pair = f"admin:{running.password}"
        self._headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        self._place = urlsplit(running.url)
        self._context = running.context
        self._source = f"127.0.1.{number}"
        self._open: http.client.HTTPSConnection | None = None

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 10.0) -> tuple[int, Any]:
        """Status and document. Raises one of ``CUT`` if there is no answer."""
        if self._open is None:
            self._open = http.client.HTTPSConnection(
                self._place.hostname or "", self._place.port, context=self._context, timeout=timeout,
                source_address=(self._source, 0),
            )  # fmt: skip
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        try:
            self._open.request(method, path, data, headers)
            with self._open.getresponse() as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


@dataclass
class Fact:
    """One thing that is written again and again. ``known``: the value of the last success; ``maybe``: values of later
    attempts without an answer, each of which may be there instead."""

    known: Any = None
    maybe: list[Any] = field(default_factory=list)
    successes: int = 0

    def check(self, found: Any) -> None:
        assert found in [self.known, *self.maybe], f"{found!r} instead of {self.known!r} or one of {self.maybe!r}"


#: Writes a value, reads it.
Write = Callable[[Client, Any], tuple[int, Any]]
Read = Callable[[Client], Any]


@dataclass
class Subject:
    """What is written. ``value`` makes the value number N."""

    name: str
    value: Callable[[int], Any]
    write: Write
    read: Read
    fact: Fact = field(default_factory=Fact)


def good(answer: tuple[int, Any]) -> Any:
    """The document of a good answer. Raises ``OSError`` while a process is away."""
    status, body = answer
    if status == 503:
        raise OSError(str(body))
    assert status in (200, 201), answer
    return body


def subjects(gateway_serial: str, serial: str) -> list[Subject]:
    """Things of both processes: settings, users, tokens, meters, and what an engine keeps."""
    about = f"/meters/{serial}"

    def present(client: Client) -> Any:
        locations = good(client.ask("GET", "/meters"))["locations"]
        return next(one["alias"] for place in locations for one in place["meters"] if one["serial"] == serial)

    def permit(client: Client, value: bool) -> tuple[int, Any]:
        return client.ask("PUT" if value else "DELETE", "/permittedmeters", {"meters": ["W1"]})

    def permitted(client: Client) -> Any:
        return "W1" in good(client.ask("GET", "/permittedmeters"))["meters"]

    def user(client: Client, value: bool) -> tuple[int, Any]:
        if value:
            return client.ask("PUT", "/users", {"name": "guest", "key": "guest-secret"})
        return client.ask("DELETE", "/users/guest")

    def level(client: Client) -> Any:
        bindings = good(client.ask("GET", "/users/other/bindings"))["bindings"]
        return next(one["access"] for one in bindings if one["serial"] == serial)

    def factor(client: Client) -> Any:
        return good(client.ask("GET", f"{about}/energy/conversionfactor"))["conversionfactor"]["co2"][0]

    def alarms(client: Client) -> Any:
        found = good(client.ask("GET", f"{about}/alarms/configuration"))["alarmconfig"]
        return next(one.get("ondelay") for one in found if one["id"] == 3)

    def alarm(client: Client, value: int) -> tuple[int, Any]:
        one = {"id": 3, "quantity": 69, "onthreshold": 300, "offthreshold": 290, "ondelay": value, "offdelay": 0}
        return client.ask("POST", f"{about}/alarms/configuration", {"alarmconfig": [{**one, "log": True}]})

    return [
        Subject(
            "alias of the gateway", lambda n: f"alias {n}",
            lambda c, v: c.ask("POST", "/gateway", {"serial": gateway_serial, "alias": v, "location": "Park"}),
            lambda c: good(c.ask("GET", "/gateway"))["alias"],
        ),
        Subject(
            "alias of a meter", lambda n: f"meter {n}",
            lambda c, v: c.ask("POST", about, {"alias": v, "location": "Park"}), present,
        ),
        Subject("a permitted meter", lambda n: n % 2 == 0, permit, permitted),
        Subject("a user", lambda n: n % 2 == 0, user, lambda c: "guest" in names(c)),
        Subject(
            "access of a user", lambda n: ("No Access", "View Only", "Configure")[n % 3],
            lambda c, v: c.ask("PUT", "/users/other/bindings", {"name": "other", "serial": serial, "access": v}), level,
        ),
        Subject(
            "a factor", lambda n: f"{n % 9000 / 1000:.3f}",
            lambda c, v: c.ask("POST", f"{about}/energy/conversionfactor", {"conversionfactor": {"co2": v}}), factor,
        ),
        Subject("an alarm", lambda n: 1 + n % 1000, alarm, alarms),
    ]  # fmt: skip


def names(client: Client) -> list[str]:
    return [one["name"] for one in good(client.ask("GET", "/users"))["users"]]


@dataclass
class Campaign:
    """Kills and what they do. ``serials``: a meter whose profile is looked at, and one that charges."""

    running: Gateway
    serials: tuple[str, str]
    seed: int = 1
    recoveries: list[tuple[str, float]] = field(default_factory=list)
    sessions: dict[str, Any] = field(default_factory=dict)
    true: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._end, self._pause = threading.Event(), threading.Lock()
        self._errors: list[BaseException] = []
        client = Client(self.running, 1)
        gateway = good(client.ask("GET", "/gateway"))["serial"]
        self.subjects = subjects(gateway, self.serials[0])
        good(client.ask("PUT", "/users", {"name": "other", "key": "other-secret"}))
        channels = {"lpconfig": [[INTERVAL, 1, 20000], *[[0, 0, 0]] * 7]}
        for serial in self.serials:
            good(client.ask("POST", f"/meters/{serial}/loadprofiles/configuration", channels))
        client.close()

    # load

    @contextmanager
    def load(self) -> Iterator[None]:
        """Writers, readers and a charging car, until the block ends."""
        jobs: list[Callable[[Client], None]] = [self._charge, self._read]
        jobs += [lambda client, one=one: self._write(client, one) for one in self.subjects]  # type: ignore[misc]
        threads = [
            threading.Thread(target=self._work, args=(job, Client(self.running, 10 + number)))
            for number, job in enumerate(jobs)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._end.set()
            for thread in threads:
                thread.join(4 * PATIENCE)
        if self._errors:
            raise self._errors[0]

    def _work(self, job: Callable[[Client], None], client: Client) -> None:
        try:
            while not self._end.is_set():
                with suppress(*CUT):
                    job(client)
                    continue
                time.sleep(0.05)
        except BaseException as error:
            self._errors.append(error)
        finally:
            client.close()

    def _write(self, client: Client, subject: Subject) -> None:
        fact = subject.fact
        value = subject.value(fact.successes + len(fact.maybe) + 1)
        fact.maybe.append(value)
        status, body = subject.write(client, value)
        if status in (200, 201):
            fact.known, fact.maybe = value, []
            fact.successes += 1
        elif status == 503 or (status == 500 and body["des"] != "internal error"):
            time.sleep(0.05)
        elif subject.name == "a user" and status in (400, 404):  # an attempt without an answer was one
            fact.known, fact.maybe = value, []
        else:
            raise AssertionError(f"{subject.name}: {status} {body}")

    def _read(self, client: Client) -> None:
        for serial in self.serials:
            for path in ("instrument", "loadprofiles/1", "info"):
                status, body = client.ask("GET", f"/meters/{serial}/{path}")
                assert status in (200, 503) or (status == 500 and body["des"] != "internal error"), (path, status, body)

    def _charge(self, client: Client) -> None:
        """Begin a session and end it; what was answered is kept."""
        serial = self.serials[1]
        begun = client.ask("POST", f"/api/v1/meters/{serial}/sessions", {"identification": "rfid:1"})
        if begun[0] != 201:
            assert begun[0] in (409, 500, 503), begun
            self._end_open(client, serial)
            time.sleep(0.2)
            return
        session = begun[1]
        self.sessions[session["id"]] = session
        time.sleep(0.5)
        self._end_session(client, session["id"])

    def _end_session(self, client: Client, id: str) -> None:
        status, body = client.ask("POST", f"/api/v1/sessions/{id}/end", timeout=60)
        if status == 200:
            self.sessions[id] = body
            self.true += body["true"] is True
        else:
            assert status in (409, 500, 503), (status, body)

    def _end_open(self, client: Client, serial: str) -> None:
        """Sessions whose begin or end got no answer."""
        for session in good(client.ask("GET", f"/api/v1/meters/{serial}/sessions"))["sessions"]:
            if session["state"] == "running":
                self._end_session(client, session["id"])

    # kills

    def strike(self, kind: str) -> None:
        """Kill, wait until it works again, and look after what was acknowledged."""
        found = self.running.processes()
        victims = list(found) if kind == "both" else [kind]
        for name in victims:
            os.kill(found[name], signal.SIGKILL)
        began = time.monotonic()
        client = Client(self.running, 2)
        self._await(client, found, victims)
        self.recoveries.append((kind, time.monotonic() - began))
        client.close()

    def _await(self, client: Client, before: Mapping[str, int], victims: list[str]) -> None:
        """Until a value comes from the meter, through both processes."""
        end = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < end:
            with suppress(*CUT, KeyError, FileNotFoundError, ValueError):
                status, _ = client.ask("GET", f"/meters/{self.serials[0]}/power", timeout=2)
                after = self.running.processes()
                if status == 200 and all(after[name] != before[name] for name in victims):
                    return
            time.sleep(0.02)
        raise AssertionError(f"not back after a kill of {', '.join(victims)}")

    def moment(self) -> float:
        """Seconds until the next kill: now and then when a row ends."""
        if self.random.random() < 0.2:
            rest = INTERVAL - time.time() % INTERVAL
            if rest < 10:
                return max(0.0, rest + self.random.uniform(-0.5, 1.5))
        return self.random.uniform(0.05, 2.5)

    def kill(self, times: int) -> None:
        """So many kills."""
        for number in range(times):
            self._end.wait(self.moment())
            if self._errors:
                raise self._errors[0]
            self.strike(KINDS[number % 3] if times < 10 else self.random.choice(KINDS))

    # what must be there

    def check_writes(self) -> int:
        """Everything acknowledged, now that nobody writes; how many writes there were."""
        client = Client(self.running, 4)
        for subject in self.subjects:
            found = subject.read(client)
            try:
                subject.fact.check(found)
            except AssertionError as error:
                raise AssertionError(f"{subject.name}: {error}") from None
        client.close()
        return sum(subject.fact.successes for subject in self.subjects)

    def check_sessions(self) -> int:
        """Every signed record that was answered is there as it was; every session comes to its end."""
        client = Client(self.running, 5)
        end = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < end:
            listed = good(client.ask("GET", f"/api/v1/meters/{self.serials[1]}/sessions?limit=1000"))["sessions"]
            if all(one["state"] in ("ended", "failed") for one in listed):
                break
            self._end_open(client, self.serials[1])
            time.sleep(0.2)
        for id, answered in self.sessions.items():
            found = good(client.ask("GET", f"/api/v1/sessions/{id}"))
            assert found["state"] in ("ended", "failed"), found
            for record in answered["records"]:
                assert record in found["records"], (record, found)
            roles = [record["role"] for record in found["records"]]
            assert roles.count("begin") == 1 and roles.count("end") <= 1, roles
        client.close()
        return len(self.sessions)

    def check_profiles(self) -> int:
        """Rows follow each other without hole or double, and their counters never fall; how many rows."""
        client = Client(self.running, 6)
        rows = 0
        for serial in self.serials:
            document = good(client.ask("GET", f"/meters/{serial}/loadprofiles/1", timeout=60))
            items = document["items"]
            times = [time.mktime(time.strptime(one["timestamp"], "%Y-%m-%dT%H:%M:%S")) for one in items]
            for one, before, after in zip(items[1:], times, times[1:], strict=False):
                assert after - before == INTERVAL, f"{serial}: {after - before:g} s before {one}"
            values = [float(one["value"]) for one in items if one["value"] is not None]
            assert len(values) == len(items), items
            assert values == sorted(values), values
            rows += len(items)
        client.close()
        return rows

    def report(self) -> str:
        """Times from a kill to the next value."""
        lines = []
        for kind in KINDS:
            seconds = sorted(taken for found, taken in self.recoveries if found == kind)
            if seconds:
                middle, worst = statistics.median(seconds), seconds[-1]
                lines.append(f"{kind}: {len(seconds)} kills, back after {middle:.2f} s (median), {worst:.2f} s (worst)")
        return "\n".join(lines)
