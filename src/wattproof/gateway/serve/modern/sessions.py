"""End points of charging sessions: begin, end, and "show me this session and whether it is true"."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from wattproof.g13.rights import CONFIGURE, VIEW
from wattproof.gateway import records
from wattproof.gateway.auth.identity import FORBIDDEN
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, shown
from wattproof.gateway.serve.modern.meters import known
from wattproof.gateway.serve.problems import Problem

#: Options that are shown as members of their own, or are ours alone.
INNER = ("family", "failure", "waiting", "notes", "measured_wh")
TRUE_VERDICTS = ("ok", "warn")
#: What the verifier finds where a record is signed with a published test key.
TEST_KEY = "F-TEST-KEY"


async def sessions(face: Face, called: Called) -> shapes.Sessions:
    """Sessions of a meter, newest first."""
    await known(face, called.serial)
    found = await face.reader.sessions(called.serial, limit=called.query.limit)
    return shapes.Sessions(sessions=[await described(face, one, whole=False) for one in found])


async def session(face: Face, called: Called) -> shapes.Session:
    """One session."""
    return await described(face, await _visible(face, called, VIEW))


async def begin_session(face: Face, called: Called) -> shapes.Session:
    """Begin a session; its begin record is stored when this answers."""
    await known(face, called.serial)
    options = {name: value for name, value in msgspec.structs.asdict(called.body).items() if value is not None}
    id = await face.local.call("begin_session", serial=called.serial, options=options, who=called.user.who)
    return await described(face, await _stored(face, id))


async def end_session(face: Face, called: Called) -> shapes.Session:
    """End a session; its records are stored and judged when this answers."""
    found = await _visible(face, called, CONFIGURE)
    await face.local.call("end_session", id=found.id, who=called.user.who)
    return await described(face, await _stored(face, found.id))


async def _visible(face: Face, called: Called, right: Any) -> records.Session:
    """A session of a meter on which the user has ``right``. Who may not even see it hears the same as for none."""
    found = await face.reader.session(called.arguments["id"])
    if found is None or not called.user.may(VIEW, serials=[found.serial], scope=Scope.SESSIONS):
        raise Problem(404, "unknown session")
    if not called.user.may(right, serials=[found.serial], scope=Scope.SESSIONS):
        raise Problem(403, FORBIDDEN)
    return found


async def _stored(face: Face, id: str) -> records.Session:
    found = await face.reader.session(id)
    if found is None:
        raise Problem(404, "unknown session")
    return found


async def described(face: Face, one: records.Session, *, whole: bool = True) -> shapes.Session:
    """A session as shown, with the key as first seen and, if ``whole``, everything that was signed."""
    seen = await face.reader.keys(one.serial)
    signed = [_record(record) for record in await face.reader.signed_records(one.id)] if whole else None
    options = {name: value for name, value in one.options.items() if name not in INNER}
    return shapes.Session(
        id=one.id,
        serial=one.serial,
        state=one.state,  # type: ignore[arg-type]
        begun=shown(one.begun),
        ended=None if one.ended is None else shown(one.ended),
        user=one.user,
        options=options,
        energy_wh=one.options.get("measured_wh"),
        failure=one.options.get("failure") or one.options.get("waiting"),
        public_key=seen[0].key.hex() if seen else None,
        records=signed,
        verdict=one.verdict,
        true=is_true(one),
    )


def _record(record: records.SignedRecord) -> shapes.SessionRecord:
    try:
        text = record.data.decode()
    except UnicodeDecodeError:
        text = "base64:" + base64.b64encode(record.data).decode()
    return shapes.SessionRecord(
        role=record.role,  # type: ignore[arg-type]
        format=record.format,
        time=shown(record.time),
        data=text,
        signature=record.signature,
        overall=record.overall,
    )


def is_true(one: records.Session) -> bool | None:
    """Whether the session is true: signatures valid with the key as first seen, which is none that anybody can sign
    with, and begin and end belong together. ``None`` while there is nothing to judge.
    """
    if one.verdict is None:
        return None if one.state != "failed" else False
    judged = one.verdict.get("sessions", [])
    judged_records = one.verdict.get("records", [])
    signatures = [record.get("signature") for record in judged_records]
    if any(_is_published(finding) for record in judged_records for finding in record.get("findings", [])):
        return False
    return bool(judged and signatures) and (
        all(found.get("verdict") in TRUE_VERDICTS for found in judged)
        and all(signature == "valid" for signature in signatures)
    )


def _is_published(finding: dict[str, Any]) -> bool:
    """Whether a finding says that a record is signed with a published test key, and that this is not allowed."""
    return (finding.get("code"), finding.get("severity")) == (TEST_KEY, "warning")
