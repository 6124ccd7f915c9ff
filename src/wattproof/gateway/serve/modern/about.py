"""What the gateway is made of: licences of everything installed with it, and memory (8.7)."""

from __future__ import annotations

import os
from importlib.metadata import Distribution, PathDistribution, distribution, distributions
from pathlib import Path

from wattproof.gateway.local import CommandFailed
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, Reply
from wattproof.gateway.serve.modern.rows import PREFIX
from wattproof.gateway.serve.problems import Problem

#: Names that files with a licence begin with.
LICENCE_FILES = ("licen", "copying", "notice")


async def about(face: Face, called: Called) -> shapes.About:
    """Licences and memory."""
    try:
        state = await face.local.call("state")
        acquire = state.get("memory")
    except CommandFailed:
        acquire = None
    total, available = host_memory()
    ram = shapes.Ram(total=total, available=available, acquire=acquire, serve=resident())
    return shapes.About(licences=licences(), ram=ram)


def licences() -> list[shapes.Licence]:
    """Every installed distribution, by name."""
    found: dict[str, shapes.Licence] = {}
    for one in distributions():
        name = one.metadata["Name"]
        if name is None or name.lower() in found:
            continue
        text = f"{PREFIX}/about/licences/{name}" if _files(one) else None
        found[name.lower()] = shapes.Licence(name=name, version=one.version, licence=_licence(one), text=text)
    return [found[name] for name in sorted(found)]


def _licence(one: Distribution) -> str:
    """The licence as the metadata give it: an SPDX expression, else the classifiers, else the first line of text."""
    metadata = one.metadata
    expressions = metadata.get_all("License-Expression")
    if expressions:
        return str(expressions[0])
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and not text.endswith("OSI Approved")
    ]
    stated = "".join(metadata.get_all("License") or []).strip().splitlines()
    return ", ".join(classified) or (stated[0][:100] if stated else "not stated")


def _files(one: Distribution) -> list[Path]:
    """Files of a distribution that hold licences."""
    listed = one.files or []
    found = [Path(str(file.locate())) for file in listed if _is_licence(file.parts)]
    if not found and isinstance(one, PathDistribution):  # an editable install: the file lies beside the sources
        found = [file for file in Path(__file__).parents[5].glob("LICENSE") if one.metadata["Name"] == "wattproof"]
    return [file for file in found if file.is_file()]


def _is_licence(parts: tuple[str, ...]) -> bool:
    inside = any(part.endswith(".dist-info") for part in parts)
    return inside and parts[-1].lower().startswith(LICENCE_FILES)


async def licence(face: Face, called: Called) -> Reply:
    """The licence texts of one distribution."""
    name = called.arguments["name"]
    try:
        files = _files(distribution(name))
    except (ValueError, ModuleNotFoundError):  # PackageNotFoundError is a ModuleNotFoundError
        files = []
    if not files:
        raise Problem(404, "unknown licence")
    text = "\n\n".join(file.read_text("utf-8", "replace") for file in files)
    return Reply(200, text.encode(), "text/plain; charset=utf-8")


def host_memory() -> tuple[int | None, int | None]:
    """Memory of the host in bytes, total and available; ``None`` where ``/proc/meminfo`` does not tell (proc(5))."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None, None
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    return found.get("MemTotal"), found.get("MemAvailable")


def resident() -> int | None:
    """Resident memory of this process in bytes (proc(5), statm)."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
