"""The wire form of answers over REST, methods and paths (sections 6.1 to 6.5 and 11.2)."""

from __future__ import annotations

from wattproof.conformance.dmed4.answers import BAD_REQUEST, NOT_FOUND, NOT_IMPLEMENTED, Answer
from wattproof.conformance.dmed4.common import INFERRED, MANUAL, expect, first, row
from wattproof.conformance.dmed4.subject import Dmed
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.meters.dmed4.resources import CHARGE_SETTINGS, FORCE_DISPLAY, LOGIN, MEASURE, RESOURCES

CHUNK = 256
#: What is shown whether or not somebody is logged in.
OPEN = tuple(resource for resource in RESOURCES if "GET" in resource.methods and "GET" not in resource.login)


def wanted(answer: Answer, *statuses: int) -> str | None:
    """Check that a request is refused; another status than these is a remark (DEC-31)."""
    expect(not answer.ok, f"{answer.words}, which should be refused")
    return None if answer.status in statuses else f"{answer.words}, not {statuses[0]} (DEC-31)"


# The wire form -------------------------------------------------------------------------------------------------------


async def _answers(meter: Dmed) -> tuple[list[Answer], list[Answer]]:
    """Successes and failures of this run so far, with some of each."""
    rest = meter.rest
    for resource in OPEN:
        if resource.path not in ("logbook/OCMF", "logbook/events"):
            await rest.ask("GET", resource.path)
    await rest.ask("GET", "nothing")
    return [answer for answer in rest.seen if answer.ok], [answer for answer in rest.seen if not answer.ok]


async def heads(meter: Dmed) -> str:
    good, _ = await _answers(meter)
    for answer in good:
        if not answer.request.endswith(" /"):
            found = {name: answer.header(name) for name in ("Connection", "Content-Type", "Transfer-Encoding")}
            values = [value.lower() for value in found.values()]
            expect(values == ["close", "application/json", "chunked"], f"{answer.request}: {found}")
            expect(answer.reason == "OK", answer.words)
    return f"{len(good)} answers"


async def chunks(meter: Dmed) -> str:
    good, _ = await _answers(meter)
    for answer in good:
        longest = max((int(size, 16) for size in answer.sizes or ()), default=0)
        expect(answer.sizes is not None, f"{answer.request} is not chunked")
        expect(longest <= CHUNK, f"{answer.request}: a chunk of {longest} bytes")
        expect(not answer.rest, f"{answer.request}: {answer.rest[:20]!r} behind the last chunk")
    return f"{len(good)} answers"


async def failures(meter: Dmed) -> str:
    _, bad = await _answers(meter)
    for answer in bad:
        expect(answer.header("Connection").lower() == "close", f"{answer.words} without Connection: close")
        expect(not answer.body and not answer.rest, f"{answer.words} has a body: {(answer.body + answer.rest)[:30]!r}")
    return f"{len(bad)} answers"


async def closes(meter: Dmed) -> None:
    good, bad = await _answers(meter)
    for answer in good + bad:
        expect(answer.closed, f"{answer.words}: the connection stays open")


# Methods and paths ---------------------------------------------------------------------------------------------------


async def wrong_methods(meter: Dmed) -> str | None:
    remark = None
    for path, methods in (("measure", ("PUT", "POST")), ("logbook/info", ("POST",)), ("ocmf", ("PUT",))):
        for method in methods:
            body = b"{}" if method == "POST" else None
            remark = wanted(await meter.rest.ask(method, path, body=body), NOT_IMPLEMENTED) or remark
    return remark


async def measure_methods(meter: Dmed) -> str | None:
    rest = meter.rest
    return first(*[wanted(await rest.ask(method, MEASURE.path), NOT_IMPLEMENTED) for method in ("PUT", "POST")])


async def login_method(meter: Dmed) -> str | None:
    return wanted(await meter.rest.ask("GET", LOGIN.path), NOT_IMPLEMENTED)


async def display_method(meter: Dmed) -> str | None:
    return wanted(await meter.rest.ask("GET", FORCE_DISPLAY.path), NOT_IMPLEMENTED)


async def unknown_path(meter: Dmed) -> str | None:
    rest = meter.rest
    answers = [await rest.ask("GET", path) for path in ("nothing", "measure/1")]
    answers += [await rest.raw("GET", target) for target in ("/v2/measure", "/measure")]
    return first(*[wanted(answer, NOT_FOUND) for answer in answers])


async def small_letters(meter: Dmed) -> str | None:
    return wanted(await meter.rest.ask("GET", "logbook/ocmf"), NOT_FOUND)


async def malformed(meter: Dmed) -> str | None:
    rest = meter.rest
    return first(
        *[wanted(await rest.ask("POST", CHARGE_SETTINGS.path, body=body), BAD_REQUEST) for body in (b"{", b"[1]", b"x")]
    )


async def page(meter: Dmed) -> str | None:
    rest = meter.rest
    answer = await rest.raw("GET", "/")
    if rest.tls:
        expect(not answer.ok, "there is a web page although TLS is on")
        return None
    expect(answer.ok and b"<" in answer.body, f"no web page at /: {answer.words}")
    return f"{len(answer.body)} bytes"


async def no_page_with_tls(meter: Dmed) -> str | None:
    if not meter.rest.tls:
        raise NotApplicable("TLS is off")
    return await page(meter)


async def without_login(meter: Dmed) -> None:
    rest = meter.rest
    if await rest.is_logged_in():
        raise Skipped("somebody is logged in")
    for resource in OPEN:
        answer = await rest.ask("GET", resource.path)
        empty_log = resource.path.startswith("logbook/") and answer.status == NOT_FOUND
        expect(answer.ok or empty_log, f"{answer.words} without a login")


# Behind a display ----------------------------------------------------------------------------------------------------


async def channels(meter: Dmed) -> str | None:
    rest = meter.rest
    if rest.driver.channel is None:
        raise NotApplicable("no display stands before the meter")
    return first(*[wanted(await rest.raw("GET", f"/v1/{name}/measure"), NOT_FOUND) for name in ("0", "5", "01")])


ROWS = (
    row("D-121", "Without TLS there is a web page at /", MANUAL, Need.READ, page),
    row("D-122", "With TLS there is no web page", MANUAL, Need.READ, no_page_with_tls),
    row("D-127", "logbook/ocmf in lower case is not found", INFERRED, Need.READ, small_letters, "DEC-31"),
    row("D-134", "A method that a path has not gives 501", MANUAL, Need.WRITE, wrong_methods, "DEC-31"),
    row("D-135", "An unknown path gives 404", INFERRED, Need.READ, unknown_path, "DEC-31"),
    row("D-136", "Malformed JSON gives 400", MANUAL, Need.WRITE, malformed, "DEC-31"),
    row("D-137", "What is open needs no login", MANUAL, Need.READ, without_login),
    row("D-149", "PUT and POST on measure give 501", MANUAL, Need.WRITE, measure_methods, "DEC-31"),
    row("D-178", "GET on login gives 501", MANUAL, Need.READ, login_method, "DEC-31"),
    row("D-199", "GET on force_display gives 501", MANUAL, Need.READ, display_method, "DEC-31"),
    row("D-293", "Channels 0, 5 and 01 are not found", MANUAL, Need.READ, channels, "DEC-31"),
)

#: What is checked in all answers of the run, and so comes last.
FORM_ROWS = (
    row("D-128", "Success: 200 OK, close, JSON, chunked", MANUAL, Need.READ, heads),
    row("D-129", "No chunk is longer than 256 bytes", MANUAL, Need.READ, chunks),
    row("D-131", "A failure says close and has no body", MANUAL, Need.READ, failures),
    row("D-132", "Each answer closes the connection", MANUAL, Need.READ, closes),
)
