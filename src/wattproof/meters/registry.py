"""Which meter families there are. A row names where things are; nothing is imported before it is used.

A family outside this package registers the same row through an entry point::

    [project.entry-points."wattproof.meters"]
    acme = "acme_meters:FAMILY"       # an object of class Family

Its name may not be one of those below. What cannot be loaded is left out, with a warning, and harms no other family.
"""

from __future__ import annotations

import difflib
import importlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from wattproof.errors import UnknownName

GROUP = "wattproof.meters"


@dataclass(frozen=True, slots=True)
class Family:
    """One meter family. Texts of the form ``package.module:name`` are imported when first used.

    ``driver``: class of the Modbus driver; without it the plain register driver reads ``points``. ``readers``: other
    drivers by URL scheme. ``virtual``: function that makes a virtual meter; without it the meter cannot be simulated.
    ``points``: its :class:`~wattproof.wire.modbus.bindings.RegisterMap`. ``resources``: rows of its HTTP
    resources. ``models``: its SunSpec models. ``tables``:
    closed tables of the virtual meter by name: options, faults, controls. ``probe``: coroutine function
    ``(link, unit) -> DeviceInfo | None`` that recognises the meter on a bus; without it scanning calls it unknown.
    ``web_probe``: the same for HTTP, coroutine function ``(link, channel) -> DeviceInfo | None``.
    ``mbus``: manufacturer's letters and medium of its meters on M-Bus, each as in ``("ABB", 2)``.
    ``logical_devices``: how the logical device names of its COSEM meters begin.
    ``quantities``: rows of what it measures, by group, where it has no registers.
    ``parameters``: rows of what its own menu sets. ``openapi``: function that makes the OpenAPI document of its REST
    interface. ``formats``: files that a charging session can be written as, by name, each a
    :class:`~wattproof.drivers.charging.Format`. ``labels``: function that reads a variant where there are more than
    ``variants`` names, and gives an object with the full ``label``. ``listen``: where a virtual meter is heard unless
    something else is said.
    """

    name: str
    label: str
    driver: str | None = None
    virtual: str | None = None
    points: str | None = None
    models: str | None = None
    probe: str | None = None
    web_probe: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    readers: Mapping[str, str] = field(default_factory=dict)
    mbus: Sequence[tuple[str, int]] = ()
    logical_devices: Sequence[str] = ()
    resources: str | None = None
    quantities: str | None = None
    parameters: str | None = None
    openapi: str | None = None
    formats: str | None = None
    labels: str | None = None
    variants: Sequence[str] = ()
    default_variant: str | None = None
    unit: int = 1
    example: str = ""
    listen: str = "tcp://127.0.0.1:5020"

    def load(self, part: str) -> Any:
        """What one of the texts above names: ``family.load("driver")``.

        Raises :class:`~wattproof.errors.UnknownName` if the family has no such part.
        """
        target = getattr(self, part)
        if not target:
            raise UnknownName(f"{self.name} has no {part}: {self.label} cannot do that")
        return load(target)

    def load_reader(self, scheme: str) -> Any:
        """The driver class for a URL scheme: the Modbus driver unless ``readers`` names another one."""
        return load(self.readers[scheme]) if scheme in self.readers else self.load("driver")

    def load_table(self, name: str) -> tuple[Any, ...]:
        """The rows of a closed table; none where the family has no such table."""
        if name not in self.tables:
            return ()
        table = load(self.tables[name])
        return tuple(getattr(table, "rows", table))

    def check_variant(self, variant: str | None) -> str | None:
        """The variant, upper or lower case, or the default one.

        Raises :class:`~wattproof.errors.UnknownName` for one there is not.
        """
        if variant is None:
            return self.default_variant
        if self.labels is not None:
            return str(load(self.labels)(variant).label)
        found = next((name for name in self.variants if name.casefold() == variant.casefold()), None)
        if found is None:
            known = ", ".join(self.variants) or "none"
            raise UnknownName(f"{self.name} has no variant {variant!r}; known: {known}")
        return found


BUILT_IN = (
    Family(
        name="bsm",
        label="Bauer BSM-WS36A, AC meter that signs its readings",
        driver="wattproof.meters.bsm.driver:BsmDriver",
        virtual="wattproof.meters.bsm.virtual.meter:create",
        points="wattproof.meters.bsm.points:MAP",
        models="wattproof.meters.bsm.points:MODELS",
        probe="wattproof.meters.bsm.driver:probe",
        tables={
            "options": "wattproof.meters.bsm.virtual.options:OPTIONS",
            "faults": "wattproof.meters.bsm.virtual.faults:FAULTS",
            "controls": "wattproof.meters.bsm.virtual.faults:CONTROLS",
        },
        readers={"iec": "wattproof.meters.bsm.optical.reader:OpticalDriver"},
        formats="wattproof.meters.bsm.export:FORMATS",
        variants=("fw17", "cm11", "cm12", "cm13"),
        default_variant="cm13",
        unit=42,
        example="bsm+tcp://127.0.0.1:5020?unit=42",
    ),
    Family(
        name="dmed4",
        label="LOVATO DMED4, DC meter for fast chargers that signs OCMF",
        driver="wattproof.meters.dmed4.driver:DmedDriver",
        virtual="wattproof.meters.dmed4.virtual.creation:create",
        points="wattproof.meters.dmed4.points:MAP",
        resources="wattproof.meters.dmed4.resources:RESOURCES",
        parameters="wattproof.meters.dmed4.parameters:PARAMETERS",
        openapi="wattproof.meters.dmed4.openapi:document",
        probe="wattproof.meters.dmed4.driver:probe",
        web_probe="wattproof.meters.dmed4.rest:probe",
        tables={
            "options": "wattproof.meters.dmed4.virtual.options:OPTIONS",
            "faults": "wattproof.meters.dmed4.virtual.faults:FAULTS",
            "controls": "wattproof.meters.dmed4.virtual.faults:CONTROLS",
        },
        readers={
            "http": "wattproof.meters.dmed4.rest:RestDriver",
            "https": "wattproof.meters.dmed4.rest:RestDriver",
        },
        formats="wattproof.meters.dmed4.export:FORMATS",
        variants=(
            "404R1500 404R0600 404R0400 404R0150 404D1500 404D0600 404D0400 404D0150 "
            "403R1500 403R0600 403R0400 403R0150 403D1500 403D0600 403D0400 403D0150 DC1 DC2"
        ).split(),
        default_variant="404R1500",
        unit=1,
        example="dmed4+tcp://192.168.1.1:502",
    ),
    Family(
        name="abb",
        label="ABB A- and B-series, meters on M-Bus and COSEM",
        virtual="wattproof.meters.abb.virtual.creation:create",
        tables={
            "options": "wattproof.meters.abb.virtual.options:OPTIONS",
            "faults": "wattproof.meters.abb.virtual.tables:FAULTS",
            "controls": "wattproof.meters.abb.virtual.tables:CONTROLS",
        },
        listen="mbus://127.0.0.1:5021",
        readers={
            "mbus": "wattproof.meters.abb.mbus.driver:AbbMbusDriver",
            "hdlc": "wattproof.meters.abb.cosem.driver:AbbCosemDriver",
            "dlms": "wattproof.meters.abb.cosem.driver:AbbCosemDriver",
            "dlms+udp": "wattproof.meters.abb.cosem.driver:AbbCosemDriver",
        },
        mbus=(("ABB", 0x02),),
        logical_devices=("ABB",),
        quantities="wattproof.meters.abb.quantities:GROUPS",
        labels="wattproof.meters.abb.variants:variant",
        variants=("A41", "A42", "A43", "A44", "B21", "B23", "B24"),
        default_variant="A44-552-100",
        unit=1,
        example="abb+mbus:///dev/ttyUSB1?address=5",
    ),
    Family(
        name="g13",
        label="any meter behind an ABB G13 gateway, or behind ours",
        readers={"https": "wattproof.meters.g13.driver:G13Meter"},
        openapi="wattproof.g13.openapi:document",
        unit=1,
        example="g13+https://192.168.1.12?serial=ABB_1",
    ),
    Family(
        name="sunspec",
        label="any SunSpec meter (models 201 to 204, 211 to 214)",
        driver="wattproof.meters.sunspec.driver:SunspecDriver",
        models="wattproof.meters.sunspec.models:MODELS",
        probe="wattproof.meters.sunspec.driver:probe",
        unit=1,
        example="sunspec+tcp://192.168.1.20:502?unit=1",
    ),
    Family(
        name="map",
        label="any Modbus meter that a map file describes",
        driver="wattproof.meters.mapped.driver:MappedDriver",
        unit=1,
        example="map+tcp://192.168.1.20:502?unit=1&map=acme.toml",
    ),
    Family(
        name="mbus",
        label="any meter on M-Bus, of any maker",
        readers={"mbus": "wattproof.drivers.mbus.meter:MbusMeter"},
        unit=1,
        example="mbus+mbus:///dev/ttyUSB1?address=5",
    ),
    Family(
        name="cosem",
        label="any meter that speaks COSEM, of any maker",
        readers=dict.fromkeys(("hdlc", "dlms", "dlms+udp"), "wattproof.drivers.cosem.meter:CosemMeter"),
        unit=1,
        example="cosem+hdlc:///dev/ttyUSB1?address=17",
    ),
)


def load(target: str) -> Any:
    """The object that ``package.module:name`` names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def families() -> dict[str, Family]:
    """All families by name: those of this package, then those of installed packages.

    An entry point that cannot be loaded, is no family or takes a name that exists is left out, and a warning says so.
    """
    found = {row.name: row for row in BUILT_IN}
    for point in entry_points(group=GROUP):
        try:
            row = point.load()
        except Exception as error:  # whatever the code of another package does when it is imported
            _left_out(f"{point.name} = {point.value}", f"it cannot be loaded ({type(error).__name__}: {error})")
            continue
        if not isinstance(row, Family):
            _left_out(f"{point.name} = {point.value}", "it is no object of class wattproof.meters.registry.Family")
        elif row.name in found:
            _left_out(f"{point.name} = {point.value}", f"a family {row.name!r} exists already")
        else:
            found[row.name] = row
    return found


@cache
def _left_out(entry: str, why: str) -> None:
    """Say once that an entry point, or a part of what it brings, is of no use."""
    logging.getLogger(__name__).warning("entry point %s of group %s is left out: %s", entry, GROUP, why)


def probing() -> list[Family]:
    """The families that can recognise their meters, the base ``sunspec`` after those that build on it."""
    rows = [row for row in families().values() if row.probe and (row in BUILT_IN or _recognises(row))]
    return sorted(rows, key=lambda row: row.name == "sunspec")


def web_probing() -> list[Family]:
    """The families that can recognise their meters at a web address."""
    return [row for row in families().values() if row.web_probe]


def on_mbus(manufacturer: str, medium: int) -> Family:
    """The family of a meter on M-Bus by its manufacturer's letters and medium: one of its own, or that of any meter."""
    for row in families().values():
        if (manufacturer, medium) in row.mbus:
            return row
    return family("mbus")


def on_cosem(logical_device: str) -> Family:
    """The family of a COSEM meter by its logical device name: one of its own, or that of any meter."""
    for row in families().values():
        if any(logical_device.startswith(name) for name in row.logical_devices):
            return row
    return family("cosem")


def _recognises(row: Family) -> bool:
    """Whether the probe of another package can be loaded; if not, the meters of all other families are still found."""
    try:
        return row.load("probe") is not None
    except Exception as error:  # whatever the code of another package does when it is imported
        _left_out(f"{row.name}, probe {row.probe}", f"it cannot be loaded ({type(error).__name__}: {error})")
        return False


def family(name: str) -> Family:
    """The family of this name. Raises :class:`~wattproof.errors.UnknownName` that says which there are."""
    for row in BUILT_IN:
        if row.name == name:
            return row
    known = families()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    raise UnknownName(f"no meter family is called {name!r}; {hint}")


def find(model: str) -> tuple[Family, str | None]:
    """Family and variant of a MODEL: ``bsm``, ``bsm:cm12``. Raises :class:`~wattproof.errors.UnknownName`."""
    name, colon, variant = model.partition(":")
    row = family(name.lower())
    return row, row.check_variant(variant if colon else None)
