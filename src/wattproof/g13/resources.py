"""The 91 resources of the G13 interface as rows: router, server, client, docs, OpenAPI document come from them.

Sources: g13-api.md section 2 (table), 3 (bodies), 6.1 (aliases: GD-04 to GD-06, GD-14, GD-21), 13.3 (rights).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.g13.rights import (
    ADMIN,
    CONFIGURE,
    CONFIGURE_EACH_OR_ADMIN,
    CONFIGURE_OR_ADMIN,
    LOGIN,
    SELF_OR_ADMIN,
    VIEW,
    VIEW_EACH,
    Right,
)

METHODS = ("GET", "POST", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Resource:
    """One of the 91.

    ``name``: what it is about; resources that read, write and delete the same thing share it. ``path``: a template,
    ``{argument}`` is one segment, ``[...]`` may be left out, ``{count|to}`` are told apart by their shape.
    ``aliases``: further templates that answer exactly the same. ``source``: section of g13-api.md.
    """

    number: int
    method: str
    path: str
    name: str
    right: Right
    summary: str
    aliases: tuple[str, ...] = ()
    source: str = "3"

    @property
    def operation(self) -> str:
        """A unique identifier: ``get_load_profile``."""
        words = self.name.lower().replace("-", " ").split()
        return "_".join([self.method.lower(), *words])

    @property
    def of_meter(self) -> bool:
        """Whether the path names one meter."""
        return self.path.startswith("/meters/{serial}")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _meter(
    number: int, method: str, tail: str, name: str, summary: str, *, aliases: tuple[str, ...] = (), source: str = "3"
) -> Resource:
    """A resource of one meter: reading needs the right to view, the rest the right to configure (1.4)."""
    right = VIEW if method == "GET" else CONFIGURE
    paths = tuple(f"/meters/{{serial}}/{part}" for part in (tail, *aliases))
    return Resource(number, method, paths[0], name, right, summary, paths[1:], source)


#: The gateway itself (3: 1 to 16).
GATEWAY = (
    Resource(1, "GET", "/about", "about", LOGIN, "Versions and serial number of the gateway", source="3, 8.7"),
    Resource(2, "POST", "/login", "login", LOGIN, "Begin a session", source="3, 9.5"),
    Resource(3, "POST", "/logout", "logout", LOGIN, "End the session", source="3, 9.5"),
    Resource(4, "GET", "/configuration", "configuration", LOGIN, "Network and bus settings", source="3, 8.1"),
    Resource(5, "POST", "/configuration/ip", "ip", ADMIN, "Set the network addresses", source="3, 8.1"),
    Resource(6, "POST", "/configuration/eqbus", "eqbus", ADMIN, "Set rate and time-out of the EQ bus", source="3, 8.1"),
    Resource(
        7,
        "POST",
        "/configuration/mbus/wired",
        "mbus wired",
        ADMIN,
        "Set the times of wired M-Bus",
        aliases=("/configuration/mbus-wired",),
        source="3, GD-21",
    ),
    Resource(
        8,
        "POST",
        "/configuration/mbus/ir",
        "mbus ir",
        ADMIN,
        "Set the times of infrared M-Bus",
        aliases=("/configuration/mbus-ir",),
        source="3, GD-21",
    ),
    Resource(9, "GET", "/gateway", "gateway", LOGIN, "Alias, location and serial number of the gateway"),
    Resource(10, "POST", "/gateway", "gateway", ADMIN, "Set alias and location of the gateway"),
    Resource(11, "GET", "/gateway/datetime", "gateway datetime", LOGIN, "Time of the gateway", source="3, 8.2"),
    Resource(12, "POST", "/gateway/datetime", "gateway datetime", ADMIN, "Set the gateway's time", source="3, 8.2"),
    Resource(13, "GET", "/gateway/events", "gateway events", LOGIN, "Event log of the gateway", source="3, 5.1"),
    Resource(14, "DELETE", "/gateway/events", "gateway events", ADMIN, "Empty the gateway's event log"),
    Resource(15, "POST", "/gateway/reboot", "reboot", ADMIN, "Start the gateway anew", source="3, 8.3"),
    Resource(16, "POST", "/gateway/execute", "execute", VIEW_EACH, "Read one COSEM object of several meters"),
)

#: Users and their access to meters (3: 17 to 23; 9).
USERS = (
    Resource(17, "GET", "/users", "users", ADMIN, "All users"),
    Resource(18, "POST", "/users/{user}", "password", SELF_OR_ADMIN, "Change a password", source="3, 9.1"),
    Resource(
        19, "PUT", "/users", "users", ADMIN, "Add a user", aliases=("/users/{user}",), source="3, 9.1, GD-14, GD-24"
    ),
    Resource(20, "DELETE", "/users/{user}", "users", ADMIN, "Remove a user", source="3, GD-45"),
    Resource(21, "GET", "/users/{user}/bindings", "bindings", SELF_OR_ADMIN, "Access of a user to each meter"),
    Resource(22, "PUT", "/users/{user}/bindings", "bindings", ADMIN, "Give a user access to a meter"),
    Resource(23, "DELETE", "/users/{user}/bindings", "bindings", ADMIN, "Take a user's access to a meter away"),
)

#: Firmware (3: 24 to 27; 8.4, 8.5).
FIRMWARE = (
    Resource(
        24,
        "GET",
        "/meters/firmwareupdatestatus",
        "firmware update status",
        LOGIN,
        "How far the update of meters is",
        source="3, 8.5",
    ),
    Resource(25, "POST", "/firmware", "firmware", ADMIN, "Upload an image", source="3, 8.4"),
    Resource(26, "PUT", "/firmware", "firmware", ADMIN, "Install the image on the gateway", source="3, 8.4"),
    Resource(
        27,
        "PUT",
        "/meters/firmware",
        "meter firmware",
        CONFIGURE_EACH_OR_ADMIN,
        "Install the image on meters",
        source="3, 8.5",
    ),
)

#: Parameters, and which meters there are (3: 28 to 40).
METERS = (
    Resource(28, "GET", "/parametermapping", "parameter mapping", LOGIN, "Names of the quantities", source="3, 4"),
    Resource(29, "GET", "/storablequantities", "storable quantities", LOGIN, "What can be recorded", source="3, 4.2"),
    _meter(30, "GET", "associationobjects", "association objects", "What of the meter can be read, reset, configured"),
    Resource(31, "GET", "/meters", "meters", LOGIN, "The meters that the user may see, by location", source="3, 10.1"),
    Resource(32, "POST", "/meters/{serial}", "meter", CONFIGURE_OR_ADMIN, "Change alias and location of a meter"),
    Resource(33, "PUT", "/meters", "meters", ADMIN, "Register a meter that was scanned or permitted"),
    Resource(34, "DELETE", "/meters/{serial}", "meter", ADMIN, "Deregister a meter"),
    Resource(35, "GET", "/meters/scanned", "scanned meters", ADMIN, "What the scan has found", source="3, GD-01"),
    Resource(36, "POST", "/meters/scanned/{token}", "scan", ADMIN, "Start a scan", source="3, 10.2"),
    Resource(37, "DELETE", "/meters/scanned", "scanned meters", ADMIN, "Forget what was found"),
    Resource(38, "GET", "/permittedmeters", "permitted meters", ADMIN, "Wireless meters that may join"),
    Resource(39, "PUT", "/permittedmeters", "permitted meters", ADMIN, "Let wireless meters join", source="3, 8.6"),
    Resource(40, "DELETE", "/permittedmeters", "permitted meters", ADMIN, "Let them join no more", source="3, 8.6"),
)

#: One meter: clock, identity, settings, alarms (3: 41 to 53).
METER = (
    _meter(41, "GET", "datetime", "datetime", "Time of the meter, and its summer time"),
    _meter(42, "POST", "datetime", "datetime", "Set the time of the meter"),
    _meter(43, "GET", "info", "info", "Identity, transformer ratios, factors, power failures"),
    _meter(
        44,
        "GET",
        "energy/conversionfactor",
        "conversion factors",
        "Factors of CO2 and currency",
        aliases=("conversionfactor",),
        source="3, GD-06",
    ),
    _meter(
        45,
        "POST",
        "energy/conversionfactor",
        "conversion factors",
        "Set the factors of CO2 and currency",
        aliases=("conversionfactor",),
        source="3, GD-06",
    ),
    _meter(46, "GET", "hardwareversion", "hardware version", "Versions of the boards"),
    _meter(47, "GET", "mbusinfo", "M-Bus information", "Identification on M-Bus", source="3, 5.5"),
    _meter(48, "POST", "transformersettings", "transformer ratio", "Set the transformer ratios"),
    _meter(49, "GET", "status", "status", "Communication status", source="3, GD-54"),
    _meter(50, "GET", "statusflags", "status flags", "Errors, warnings and information", source="3, 5.2"),
    _meter(51, "GET", "events/{datetime}[/{count}]", "events", "Logs up to a time, newest first", source="3, 5.2"),
    _meter(52, "GET", "alarms/configuration", "alarms", "The 25 alarms", source="3, GD-12"),
    _meter(53, "POST", "alarms/configuration", "alarms", "Configure alarms", source="3, GD-12"),
)

#: One meter: values (3: 54 to 62).
VALUES = (
    _meter(54, "GET", "energy/{type}", "energy", "Energy registers"),
    _meter(55, "GET", "energy/{type}/{mode}", "converted energy", "Energy as CO2 or currency"),
    _meter(56, "GET", "energy/resettable", "resettable energy", "Resettable registers"),
    _meter(57, "POST", "energy/resettable", "resettable energy", "Reset registers"),
    _meter(58, "GET", "energy/resetcounter", "reset counters", "How often the registers were reset"),
    _meter(59, "GET", "power", "power", "Active, reactive and apparent power", aliases=("powers",), source="3, GD-04"),
    _meter(60, "GET", "instrument", "instrument values", "Voltages, currents, angles, frequency", source="3, GD-20"),
    _meter(61, "GET", "harmonics/voltage", "voltage harmonics", "Harmonics of the voltages", source="3, GD-52"),
    _meter(62, "GET", "harmonics/current", "current harmonics", "Harmonics of the currents", source="3, GD-52"),
)

#: One meter: inputs and outputs (3: 63 to 68).
PORTS = (
    _meter(63, "GET", "io", "inputs and outputs", "States of the ports", source="3, GD-54"),
    _meter(
        64, "GET", "io/configuration", "input and output configuration", "Functions of the ports", source="3, GD-26"
    ),
    _meter(65, "GET", "io/pulse", "pulse outputs", "Pulse outputs", source="3, GD-11"),
    _meter(66, "POST", "io", "inputs and outputs", "Set outputs, reset inputs"),
    _meter(
        67,
        "POST",
        "io/configuration",
        "input and output configuration",
        "Set the functions of the ports",
        source="3, GD-26",
    ),
    _meter(68, "POST", "io/pulse", "pulse outputs", "Configure pulse outputs", source="3, GD-11"),
)

#: One meter: what is recorded over time (3: 69 to 80; 5.6, 5.7).
RECORDED = (
    _meter(69, "GET", "previousvalues[/{from}[/{count|to}]]", "previous values", "Values at the end of past periods"),
    _meter(70, "GET", "previousvalues/configuration", "previous values configuration", "What is kept at period ends"),
    _meter(71, "POST", "previousvalues/configuration", "previous values configuration", "Choose what is kept"),
    _meter(72, "DELETE", "previousvalues", "previous values", "Clear the previous values"),
    _meter(
        73, "GET", "loadprofiles[/{channel}][/{from}[/{count|to}]]", "load profile", "Rows of a load profile channel"
    ),
    _meter(74, "GET", "loadprofiles/configuration", "load profile configuration", "What the channels record"),
    _meter(75, "POST", "loadprofiles/configuration", "load profile configuration", "Choose what the channels record"),
    _meter(76, "DELETE", "loadprofiles[/{channel}]", "load profile", "Clear one channel or all"),
    _meter(77, "GET", "demand[/{from}[/{count|to}]]", "demand", "Largest and smallest averages of past periods"),
    _meter(78, "GET", "demand/configuration", "demand configuration", "What is averaged", source="3, 5.7"),
    _meter(79, "POST", "demand/configuration", "demand configuration", "Choose what is averaged", source="3, 5.7"),
    _meter(80, "DELETE", "demand", "demand", "Clear the demand values"),
)

#: One meter: tariffs (3: 81 to 90).
TARIFFS = (
    _meter(81, "GET", "tariff", "tariff", "Active tariff and what chooses it"),
    _meter(82, "POST", "tariff", "tariff", "Choose the tariff or its source"),
    _meter(83, "GET", "tariff/dayprofiles", "day profiles", "When tariffs change in a day", source="3, GD-10"),
    _meter(84, "POST", "tariff/dayprofiles", "day profiles", "Set one day profile", source="3, GD-10"),
    _meter(85, "GET", "tariff/weekprofiles", "week profiles", "Day profiles of the weekdays"),
    _meter(86, "POST", "tariff/weekprofiles", "week profiles", "Set the week profiles"),
    _meter(
        87,
        "GET",
        "tariff/seasonprofiles",
        "season profiles",
        "When seasons begin",
        aliases=("tariff/seasons",),
        source="3, GD-05",
    ),
    _meter(
        88,
        "POST",
        "tariff/seasonprofiles",
        "season profiles",
        "Set the seasons",
        aliases=("tariff/seasons",),
        source="3, GD-05",
    ),
    _meter(
        89, "GET", "tariff/specialdayprofiles", "special days", "Days with a profile of their own", source="3, GD-32"
    ),
    _meter(90, "POST", "tariff/specialdayprofiles", "special days", "Set special days", source="3, GD-32, GD-33"),
)

LASTERROR = Resource(91, "GET", "/lasterror/{id}", "last error", LOGIN, "Why an answer broke off", source="3, 11.5")

RESOURCES = (
    *GATEWAY,
    *USERS,
    *FIRMWARE,
    *METERS,
    *METER,
    *VALUES,
    *PORTS,
    *RECORDED,
    *TARIFFS,
    LASTERROR,
)
#: All rows by number.
BY_NUMBER: Mapping[int, Resource] = MappingProxyType({row.number: row for row in RESOURCES})
