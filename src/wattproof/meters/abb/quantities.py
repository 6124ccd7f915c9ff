"""What an ABB meter measures and holds: one row a quantity, bound to both buses (abb-meters.md 1.12).

A row says where the quantity is in the object model of COSEM (class, logical name, attribute, type, scaler) and in
which M-Bus record it is sent; drivers, virtual meter, tables and tests are made from it. ``id`` and ``name`` are those
of the gateway's JSON interface. A raw value is in units of 10^scale of ``unit`` on both buses; where M-Bus differs
(currents of the A41 and A42, times) its encoder knows.

Marks: V seen in bytes of a real meter, S printed by the maker, I inferred: a real meter may differ. No public
description of the COSEM side exists, so every logical name is an inference; the marks speak of the M-Bus records.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.errors import UnknownName
from wattproof.meters.abb.rows import (
    BRONZE,
    COUNTER,
    GOLD,
    IRON,
    PLATINUM,
    SETTING,
    SILVER,
    STATE,
    STEEL,
    TEXT,
    TIME,
    I,
    Row,
    S,
    V,
    counter,
    data,
    distortion,
    gauge,
    register,
    spectrum,
    table,
)
from wattproof.model.units import (
    AMPERE,
    CURRENCY,
    DEGREE,
    HERTZ,
    KILOGRAM,
    NONE,
    SECOND,
    VAR,
    VOLT,
    VOLT_AMPERE,
    WATT,
)
from wattproof.model.units import (
    VAR_HOUR as VARH,
)
from wattproof.model.units import (
    VOLT_AMPERE_HOUR as VAH,
)
from wattproof.model.units import (
    WATT_HOUR as WH,
)

# Energies (1.12, 3.3).
ENERGY = (
    counter(1, "ACTIVE_ENERGY_IMPORT_TOTAL", "1-0:1.8.0", "u64", 1, WH, "0E / 84", IRON, V),
    counter(2, "ACTIVE_ENERGY_EXPORT_TOTAL", "1-0:2.8.0", "u64", 1, WH, "8E 40 / 84", BRONZE, V),
    counter(3, "ACTIVE_ENERGY_IMPORT_L1", "1-0:21.8.0", "u64", 1, WH, "0E / 84 FF 81", SILVER, S),
    counter(4, "ACTIVE_ENERGY_IMPORT_L2", "1-0:41.8.0", "u64", 1, WH, "0E / 84 FF 82", SILVER, S),
    counter(5, "ACTIVE_ENERGY_IMPORT_L3", "1-0:61.8.0", "u64", 1, WH, "0E / 84 FF 83", SILVER, S),
    counter(6, "ACTIVE_ENERGY_EXPORT_L1", "1-0:22.8.0", "u64", 1, WH, "8E 40 / 84 FF 81", SILVER, S),
    counter(7, "ACTIVE_ENERGY_EXPORT_L2", "1-0:42.8.0", "u64", 1, WH, "8E 40 / 84 FF 82", SILVER, S),
    counter(8, "ACTIVE_ENERGY_EXPORT_L3", "1-0:62.8.0", "u64", 1, WH, "8E 40 / 84 FF 83", SILVER, S),
    counter(9, "ACTIVE_ENERGY_IMPORT_TAR1", "1-0:1.8.1", "u64", 1, WH, "8E 10 / 84", SILVER, V),
    counter(10, "ACTIVE_ENERGY_IMPORT_TAR2", "1-0:1.8.2", "u64", 1, WH, "8E 20 / 84", SILVER, V),
    counter(11, "ACTIVE_ENERGY_IMPORT_TAR3", "1-0:1.8.3", "u64", 1, WH, "8E 30 / 84", SILVER, V),
    counter(12, "ACTIVE_ENERGY_IMPORT_TAR4", "1-0:1.8.4", "u64", 1, WH, "8E 80 10 / 84", SILVER, V),
    counter(13, "ACTIVE_ENERGY_NET_TOTAL", "1-0:16.8.0", "i64", 1, WH, "87 80 C0 40 / 84", BRONZE, V),
    counter(14, "ACTIVE_ENERGY_NET_L1", "1-0:36.8.0", "i64", 1, WH, "87 80 C0 40 / 84 FF 81", SILVER, S),
    counter(15, "ACTIVE_ENERGY_NET_L2", "1-0:56.8.0", "i64", 1, WH, "87 80 C0 40 / 84 FF 82", SILVER, S),
    counter(16, "ACTIVE_ENERGY_NET_L3", "1-0:76.8.0", "i64", 1, WH, "87 80 C0 40 / 84 FF 83", SILVER, S),
    counter(17, "REACTIVE_ENERGY_IMPORT_TAR1", "1-0:3.8.1", "u64", 1, VARH, "8E 90 40 / 84", SILVER, V),
    counter(18, "REACTIVE_ENERGY_IMPORT_TAR2", "1-0:3.8.2", "u64", 1, VARH, "8E A0 40 / 84", SILVER, V),
    counter(19, "REACTIVE_ENERGY_IMPORT_TAR3", "1-0:3.8.3", "u64", 1, VARH, "8E B0 40 / 84", SILVER, V),
    counter(20, "REACTIVE_ENERGY_IMPORT_TAR4", "1-0:3.8.4", "u64", 1, VARH, "8E 80 50 / 84", SILVER, V),
    counter(21, "REACTIVE_ENERGY_IMPORT_TOTAL", "1-0:3.8.0", "u64", 1, VARH, "8E 80 40 / 84", BRONZE, V),
    counter(22, "REACTIVE_ENERGY_EXPORT_TOTAL", "1-0:4.8.0", "u64", 1, VARH, "8E C0 40 / 84", BRONZE, V),
    counter(23, "REACTIVE_ENERGY_IMPORT_L1", "1-0:23.8.0", "u64", 1, VARH, "8E 80 40 / 84 FF 81", SILVER, S),
    counter(24, "REACTIVE_ENERGY_IMPORT_L2", "1-0:43.8.0", "u64", 1, VARH, "8E 80 40 / 84 FF 82", SILVER, S),
    counter(25, "REACTIVE_ENERGY_IMPORT_L3", "1-0:63.8.0", "u64", 1, VARH, "8E 80 40 / 84 FF 83", SILVER, S),
    counter(26, "REACTIVE_ENERGY_EXPORT_L1", "1-0:24.8.0", "u64", 1, VARH, "8E C0 40 / 84 FF 81", SILVER, S),
    counter(27, "REACTIVE_ENERGY_EXPORT_L2", "1-0:44.8.0", "u64", 1, VARH, "8E C0 40 / 84 FF 82", SILVER, S),
    counter(28, "REACTIVE_ENERGY_EXPORT_L3", "1-0:64.8.0", "u64", 1, VARH, "8E C0 40 / 84 FF 83", SILVER, S),
    counter(29, "REACTIVE_ENERGY_NET_TOTAL", "1-0:131.8.0", "i64", 1, VARH, "87 C0 C0 40 / 84", BRONZE, V),
    counter(30, "REACTIVE_ENERGY_NET_L1", "1-0:151.8.0", "i64", 1, VARH, "87 C0 C0 40 / 84 FF 81", SILVER, S),
    counter(31, "REACTIVE_ENERGY_NET_L2", "1-0:171.8.0", "i64", 1, VARH, "87 C0 C0 40 / 84 FF 82", SILVER, S),
    counter(32, "REACTIVE_ENERGY_NET_L3", "1-0:191.8.0", "i64", 1, VARH, "87 C0 C0 40 / 84 FF 83", SILVER, S),
    counter(33, "APPARENT_ENERGY_IMPORT_TOTAL", "1-0:9.8.0", "u64", 1, VAH, "8E 80 80 40 / 84", BRONZE, V),
    counter(34, "APPARENT_ENERGY_EXPORT_TOTAL", "1-0:10.8.0", "u64", 1, VAH, "8E C0 80 40 / 84", BRONZE, V),
    counter(35, "APPARENT_ENERGY_IMPORT_L1", "1-0:29.8.0", "u64", 1, VAH, "8E 80 80 40 / 84 FF 81", SILVER, S),
    counter(36, "APPARENT_ENERGY_IMPORT_L2", "1-0:49.8.0", "u64", 1, VAH, "8E 80 80 40 / 84 FF 82", SILVER, S),
    counter(37, "APPARENT_ENERGY_IMPORT_L3", "1-0:69.8.0", "u64", 1, VAH, "8E 80 80 40 / 84 FF 83", SILVER, S),
    counter(38, "APPARENT_ENERGY_EXPORT_L1", "1-0:30.8.0", "u64", 1, VAH, "8E C0 80 40 / 84 FF 81", SILVER, S),
    counter(39, "APPARENT_ENERGY_EXPORT_L2", "1-0:50.8.0", "u64", 1, VAH, "8E C0 80 40 / 84 FF 82", SILVER, S),
    counter(40, "APPARENT_ENERGY_EXPORT_L3", "1-0:70.8.0", "u64", 1, VAH, "8E C0 80 40 / 84 FF 83", SILVER, S),
    counter(41, "APPARENT_ENERGY_NET_TOTAL", "1-0:137.8.0", "i64", 1, VAH, "87 80 80 80 40 / 84", BRONZE, V),
    counter(42, "APPARENT_ENERGY_NET_L1", "1-0:157.8.0", "i64", 1, VAH, "87 80 80 80 40 / 84 FF 81", SILVER, S),
    counter(43, "APPARENT_ENERGY_NET_L2", "1-0:177.8.0", "i64", 1, VAH, "87 80 80 80 40 / 84 FF 82", SILVER, S),
    counter(44, "APPARENT_ENERGY_NET_L3", "1-0:197.8.0", "i64", 1, VAH, "87 80 80 80 40 / 84 FF 83", SILVER, S),
    counter(85, "ACTIVE_ENERGY_EXPORT_TAR1", "1-0:2.8.1", "u64", 1, WH, "8E 50 / 84", SILVER, V),
    counter(86, "ACTIVE_ENERGY_EXPORT_TAR2", "1-0:2.8.2", "u64", 1, WH, "8E 60 / 84", SILVER, V),
    counter(87, "ACTIVE_ENERGY_EXPORT_TAR3", "1-0:2.8.3", "u64", 1, WH, "8E 70 / 84", SILVER, V),
    counter(88, "ACTIVE_ENERGY_EXPORT_TAR4", "1-0:2.8.4", "u64", 1, WH, "8E C0 10 / 84", SILVER, V),
    counter(89, "REACTIVE_ENERGY_EXPORT_TAR1", "1-0:4.8.1", "u64", 1, VARH, "8E D0 40 / 84", SILVER, V),
    counter(90, "REACTIVE_ENERGY_EXPORT_TAR2", "1-0:4.8.2", "u64", 1, VARH, "8E E0 40 / 84", SILVER, V),
    counter(91, "REACTIVE_ENERGY_EXPORT_TAR3", "1-0:4.8.3", "u64", 1, VARH, "8E F0 40 / 84", SILVER, V),
    counter(92, "REACTIVE_ENERGY_EXPORT_TAR4", "1-0:4.8.4", "u64", 1, VARH, "8E C0 50 / 84", SILVER, V),
)

# Registers that can be reset, and how often they were (3.3).
RESETTABLE = (
    counter(171, "RSTREG_ACT_ENERGY_IMP", "1-0:1.8.128", "u64", 1, WH, "0E / 84 FF F2", BRONZE, V),
    counter(172, "RSTREG_ACT_ENERGY_EXP", "1-0:2.8.128", "u64", 1, WH, "8E 40 / 84 FF F2", BRONZE, V),
    counter(173, "RSTREG_REACT_ENERGY_IMP", "1-0:3.8.128", "u64", 1, VARH, "8E 80 40 / 84 FF F2", BRONZE, V),
    counter(174, "RSTREG_REACT_ENERGY_EXP", "1-0:4.8.128", "u64", 1, VARH, "8E C0 40 / 84 FF F2", BRONZE, V),
    counter(175, "RSTREG_ACT_CNTR_IMP", "1-0:1.8.129", "u32", 0, NONE, "04 / FF F1", BRONZE, V),
    counter(176, "RSTREG_ACT_CNTR_EXP", "1-0:2.8.129", "u32", 0, NONE, "84 40 / FF F1", BRONZE, V),
    counter(177, "RSTREG_REACT_CNTR_IMP", "1-0:3.8.129", "u32", 0, NONE, "84 80 40 / FF F1", BRONZE, V),
    counter(178, "RSTREG_REACT_CNTR_EXP", "1-0:4.8.129", "u32", 0, NONE, "84 C0 40 / FF F1", BRONZE, V),
)

# Active import in CO2 and in currency, with their factors (3.3).
CONVERSION = (
    register(SETTING, 83, "NRG_CONVERSION_FACTOR_CURR", "1-0:0.4.129", "u32", -3, CURRENCY, "04 / FF A5", SILVER, V),
    register(SETTING, 84, "NRG_CONVERSION_FACTOR_CO2", "1-0:0.4.128", "u32", -3, KILOGRAM, "04 / FF A4", SILVER, V),
    counter(113, "NRG_ENERGY_VALUE_CURR", "1-0:1.8.131", "u64", -2, CURRENCY, "0E / FF F9 C9", SILVER, V),
    counter(122, "NRG_ENERGY_VALUE_CO2", "1-0:1.8.130", "u64", -3, KILOGRAM, "0E / FF F9 C4", SILVER, V),
)

# Instantaneous values (3.2).
INSTRUMENT = (
    gauge(69, "VOLTAGE_L1", "1-0:32.7.0", "u32", -1, VOLT, "04 / FD C8 FF 81", STEEL, V),
    gauge(70, "CURRENT_L1", "1-0:31.7.0", "u32", -2, AMPERE, "04 / FD DA FF 81", STEEL, V),
    gauge(71, "POWER_FACTOR_L1", "1-0:33.7.0", "i16", -3, NONE, "02 / FF E0 FF 81", STEEL, S),
    gauge(72, "VOLTAGE_L2", "1-0:52.7.0", "u32", -1, VOLT, "04 / FD C8 FF 82", STEEL, S),
    gauge(73, "CURRENT_L2", "1-0:51.7.0", "u32", -2, AMPERE, "04 / FD DA FF 82", STEEL, S),
    gauge(74, "POWER_FACTOR_L2", "1-0:53.7.0", "i16", -3, NONE, "02 / FF E0 FF 82", STEEL, S),
    gauge(75, "VOLTAGE_L3", "1-0:72.7.0", "u32", -1, VOLT, "04 / FD C8 FF 83", STEEL, S),
    gauge(76, "CURRENT_L3", "1-0:71.7.0", "u32", -2, AMPERE, "04 / FD DA FF 83", STEEL, S),
    gauge(77, "POWER_FACTOR_L3", "1-0:73.7.0", "i16", -3, NONE, "02 / FF E0 FF 83", STEEL, S),
    gauge(78, "VOLTAGE_L1_L2", "1-0:124.7.0", "u32", -1, VOLT, "04 / FD C8 FF 85", STEEL, S),
    gauge(79, "VOLTAGE_L2_L3", "1-0:125.7.0", "u32", -1, VOLT, "04 / FD C8 FF 86", STEEL, S),
    gauge(80, "VOLTAGE_L1_L3", "1-0:126.7.0", "u32", -1, VOLT, "04 / FD C8 FF 87", STEEL, S),
    gauge(81, "CURRENT_NEUTRAL", "1-0:91.7.0", "u32", -2, AMPERE, "04 / FD DA FF 84", PLATINUM, S),
    gauge(82, "POWER_FACTOR_TOTAL", "1-0:13.7.0", "i16", -3, NONE, "02 / FF E0", STEEL, V),
    gauge(93, "ACTIVE_POWER_L1", "1-0:36.7.0", "i32", -2, WATT, "04 / A9 FF 81", STEEL, S),
    gauge(94, "ACTIVE_POWER_L2", "1-0:56.7.0", "i32", -2, WATT, "04 / A9 FF 82", STEEL, S),
    gauge(95, "ACTIVE_POWER_L3", "1-0:76.7.0", "i32", -2, WATT, "04 / A9 FF 83", STEEL, S),
    gauge(96, "ACTIVE_POWER_TOTAL", "1-0:16.7.0", "i32", -2, WATT, "04 / A9", STEEL, V),
    gauge(97, "REACTIVE_POWER_L1", "1-0:151.7.0", "i32", -2, VAR, "84 80 40 / A9 FF 81", BRONZE, S),
    gauge(98, "REACTIVE_POWER_L2", "1-0:171.7.0", "i32", -2, VAR, "84 80 40 / A9 FF 82", BRONZE, S),
    gauge(99, "REACTIVE_POWER_L3", "1-0:191.7.0", "i32", -2, VAR, "84 80 40 / A9 FF 83", BRONZE, S),
    gauge(100, "REACTIVE_POWER_TOTAL", "1-0:131.7.0", "i32", -2, VAR, "84 80 40 / A9", BRONZE, V),
    gauge(101, "APPARENT_POWER_L1", "1-0:29.7.0", "i32", -2, VOLT_AMPERE, "84 80 80 40 / A9 FF 81", BRONZE, S),
    gauge(102, "APPARENT_POWER_L2", "1-0:49.7.0", "i32", -2, VOLT_AMPERE, "84 80 80 40 / A9 FF 82", BRONZE, S),
    gauge(103, "APPARENT_POWER_L3", "1-0:69.7.0", "i32", -2, VOLT_AMPERE, "84 80 80 40 / A9 FF 83", BRONZE, S),
    gauge(104, "APPARENT_POWER_TOTAL", "1-0:9.7.0", "i32", -2, VOLT_AMPERE, "84 80 80 40 / A9", BRONZE, V),
    gauge(105, "PHASE_ANGLE_POWER_L1", "1-0:81.7.129", "i16", -1, DEGREE, "02 / FF D2 FF 81", BRONZE, S),
    gauge(106, "PHASE_ANGLE_POWER_L2", "1-0:81.7.130", "i16", -1, DEGREE, "02 / FF D2 FF 82", BRONZE, S),
    gauge(107, "PHASE_ANGLE_POWER_L3", "1-0:81.7.131", "i16", -1, DEGREE, "02 / FF D2 FF 83", BRONZE, S),
    gauge(108, "PHASE_ANGLE_POWER_TOTAL", "1-0:81.7.128", "i16", -1, DEGREE, "02 / FF D2", BRONZE, V),
    gauge(158, "PHASE_ANGLE_VOLTAGE_L1", "1-0:81.7.0", "i16", -1, DEGREE, "02 / FF C2 FF 81", BRONZE, V),
    gauge(159, "PHASE_ANGLE_CURRENT_L1", "1-0:81.7.4", "i16", -1, DEGREE, "02 / FF CA FF 81", BRONZE, V),
    data(STATE, 160, "CURRENT_QUADRANT_L1", "1-0:128.7.1", "u8", "01 / FF 97 FF 81", BRONZE, S),
    gauge(161, "PHASE_ANGLE_VOLTAGE_L2", "1-0:81.7.1", "i16", -1, DEGREE, "02 / FF C2 FF 82", BRONZE, S),
    gauge(162, "PHASE_ANGLE_CURRENT_L2", "1-0:81.7.5", "i16", -1, DEGREE, "02 / FF CA FF 82", BRONZE, S),
    data(STATE, 163, "CURRENT_QUADRANT_L2", "1-0:128.7.2", "u8", "01 / FF 97 FF 82", BRONZE, S),
    gauge(164, "PHASE_ANGLE_VOLTAGE_L3", "1-0:81.7.2", "i16", -1, DEGREE, "02 / FF C2 FF 83", BRONZE, S),
    gauge(165, "PHASE_ANGLE_CURRENT_L3", "1-0:81.7.6", "i16", -1, DEGREE, "02 / FF CA FF 83", BRONZE, S),
    data(STATE, 166, "CURRENT_QUADRANT_L3", "1-0:128.7.3", "u8", "01 / FF 97 FF 83", BRONZE, S),
    data(STATE, 169, "CURRENT_QUADRANT_TOTAL", "1-0:128.7.0", "u8", "01 / FF 97", BRONZE, V),
    gauge(170, "FREQUENCY", "1-0:14.7.0", "u16", -2, HERTZ, "0A / FF D9", STEEL, V),
)

# Harmonics of orders 2 to 16 and their sum (3.4). An order is added to the last byte of the record.
HARMONICS = (
    distortion(59, "THD_VOLTAGE_L1", "1-0:32.7.124", "02 / FF EE FF 81 FF F8 80"),
    distortion(60, "THD_VOLTAGE_L2", "1-0:52.7.124", "02 / FF EE FF 82 FF F8 80"),
    distortion(61, "THD_VOLTAGE_L3", "1-0:72.7.124", "02 / FF EE FF 83 FF F8 80"),
    distortion(62, "THD_VOLTAGE_L1_L2", "1-0:124.7.124", "02 / FF EE FF 85 FF F8 80"),
    distortion(63, "THD_VOLTAGE_L2_L3", "1-0:125.7.124", "02 / FF EE FF 86 FF F8 80"),
    distortion(64, "THD_VOLTAGE_L1_L3", "1-0:126.7.124", "02 / FF EE FF 87 FF F8 80"),
    distortion(65, "THD_CURRENT_L1", "1-0:31.7.124", "02 / FF ED FF 81 FF F8 80"),
    distortion(66, "THD_CURRENT_L2", "1-0:51.7.124", "02 / FF ED FF 82 FF F8 80"),
    distortion(67, "THD_CURRENT_L3", "1-0:71.7.124", "02 / FF ED FF 83 FF F8 80"),
    distortion(68, "THD_CURRENT_NEUTRAL", "1-0:91.7.124", "02 / FF ED FF 84 FF F8 80"),
    spectrum(179, "HARMONICS_VOLTAGE_L1", "1-0:32.7.128", "02 / FF EE FF 81 FF F8 80"),
    spectrum(180, "HARMONICS_VOLTAGE_L2", "1-0:52.7.128", "02 / FF EE FF 82 FF F8 80"),
    spectrum(181, "HARMONICS_VOLTAGE_L3", "1-0:72.7.128", "02 / FF EE FF 83 FF F8 80"),
    spectrum(182, "HARMONICS_VOLTAGE_L1_L2", "1-0:124.7.128", "02 / FF EE FF 85 FF F8 80"),
    spectrum(183, "HARMONICS_VOLTAGE_L2_L3", "1-0:125.7.128", "02 / FF EE FF 86 FF F8 80"),
    spectrum(184, "HARMONICS_VOLTAGE_L1_L3", "1-0:126.7.128", "02 / FF EE FF 87 FF F8 80"),
    spectrum(185, "HARMONICS_CURRENT_L1", "1-0:31.7.128", "02 / FF ED FF 81 FF F8 80"),
    spectrum(186, "HARMONICS_CURRENT_L2", "1-0:51.7.128", "02 / FF ED FF 82 FF F8 80"),
    spectrum(187, "HARMONICS_CURRENT_L3", "1-0:71.7.128", "02 / FF ED FF 83 FF F8 80"),
    spectrum(188, "HARMONICS_CURRENT_NEUTRAL", "1-0:91.7.128", "02 / FF ED FF 84 FF F8 80"),
)

# Inputs, outputs and pulse outputs (3.5). Outputs have a record each: the subunit is the port.
PORTS = (
    data(SETTING, 45, "IO_PULSE_LENGTH_2", "0-2:96.3.131", "u16", "", STEEL, I, scale=-3, unit=SECOND),
    data(SETTING, 46, "IO_PULSE_LENGTH_3", "0-3:96.3.131", "u16", "", STEEL, I, scale=-3, unit=SECOND),
    data(SETTING, 47, "IO_PULSE_LENGTH_4", "0-4:96.3.131", "u16", "", STEEL, I, scale=-3, unit=SECOND),
    data(SETTING, 48, "IO_PULSE_FREQUENCY_AE_1", "0-1:96.3.132", "u32", "", STEEL, I),
    data(SETTING, 49, "IO_PULSE_FREQUENCY_AE_2", "0-2:96.3.132", "u32", "", STEEL, I),
    data(SETTING, 50, "IO_PULSE_FREQUENCY_AE_3", "0-3:96.3.132", "u32", "", STEEL, I),
    counter(51, "IO_INPUT_CUMULATION_1", "1-1:82.8.0", "u64", 0, NONE, "8E 40 / FD E1", SILVER, V),
    counter(52, "IO_INPUT_CUMULATION_2", "1-2:82.8.0", "u64", 0, NONE, "8E 80 40 / FD E1", SILVER, V),
    counter(53, "IO_INPUT_CUMULATION_3", "1-3:82.8.0", "u64", 0, NONE, "8E C0 40 / FD E1", SILVER, V),
    counter(54, "IO_INPUT_CUMULATION_4", "1-4:82.8.0", "u64", 0, NONE, "8E 80 80 40 / FD E1", SILVER, V),
    data(STATE, 55, "IO_STORED_INPUT_STATE_1", "0-1:96.3.129", "bool", "C1 40 / FD 9B", SILVER, V),
    data(STATE, 56, "IO_STORED_INPUT_STATE_2", "0-2:96.3.129", "bool", "C1 80 40 / FD 9B", SILVER, V),
    data(STATE, 57, "IO_STORED_INPUT_STATE_3", "0-3:96.3.129", "bool", "C1 C0 40 / FD 9B", SILVER, V),
    data(STATE, 58, "IO_STORED_INPUT_STATE_4", "0-4:96.3.129", "bool", "C1 80 80 40 / FD 9B", SILVER, V),
    data(SETTING, 153, "IO_PULSE_ENERGY_TYPE_4", "0-4:96.3.133", "enum", "", STEEL, I),
    data(STATE, 154, "IO_CURRENT_OUTPUT_STATE", "0-0:96.3.2", "u8", "81 40 / FD 9A", SILVER, V),
)

# Tariffs and their calendar (3.8, 2.10).
TARIFFS = (
    table(114, "TARIFF_CALENDAR_CONFIG", 20, "0-0:13.0.0", 3, GOLD, I),
    table(115, "TARIFF_SPECIAL_DAYS_CONFIG", 11, "0-0:11.0.0", 2, GOLD, I),
    data(SETTING, 140, "TARIFF_INPUT_CONFIG", "0-0:96.14.129", "u8[4]", "", SILVER, I),
    table(147, "TARIFF_CALENDAR_CONFIG", 20, "0-0:13.0.0", 4, GOLD, I),
    table(148, "TARIFF_CALENDAR_CONFIG", 20, "0-0:13.0.0", 5, GOLD, I),
    data(STATE, 149, "TARIFF_ACTIVE_DAY_TYPE", "0-0:96.14.130", "u8", "", GOLD, I),
    data(STATE, 150, "TARIFF_ACTIVE_SEASON", "0-0:96.14.131", "u8", "", GOLD, I),
    data(STATE, 189, "TARIFF_ACTIVE", "0-0:96.14.0", "u8", "01 / FF 93", SILVER, V),
    data(SETTING, 190, "TARIFF_SOURCE", "0-0:96.14.128", "enum", "", SILVER, I),
)

# Clock and power failures (3.7, 2.11).
CLOCK = (
    table(146, "CLOCK", 8, "0-0:1.0.0", 2, GOLD, V, type="date-time", record="0E / ED", kind=TIME),
    counter(151, "POWER_OUTAGE_TIME", "0-0:96.7.128", "u32", 0, SECOND, "0E / FF EC", STEEL, V),
    data(COUNTER, 152, "POWER_FAIL_COUNTER", "0-0:96.7.21", "u32", "04 / FF 98", STEEL, V),
    table(155, "CLOCK_DST", 8, "0-0:1.0.0", 5, GOLD, I),
)

# Who the meter is, and its transformers (2.8).
DEVICE = (
    data(TEXT, 138, "METER_TYPE_DESIGNATION", "0-0:96.1.1", "text", "0D / FF AA", IRON, V),
    data(TEXT, 139, "FIRMWARE_VERSION", "1-0:0.2.0", "text", "0D / FD 8E", IRON, V),
    data(SETTING, 141, "TRAFO_CT_RATIO_NUMERATOR", "1-0:0.4.2", "u32", "04 / FF A0", STEEL, V),
    data(SETTING, 142, "TRAFO_CT_RATIO_DENOMINATOR", "1-0:0.4.5", "u32", "04 / FF A2", STEEL, V),
    data(SETTING, 143, "TRAFO_VT_RATIO_NUMERATOR", "1-0:0.4.3", "u32", "04 / FF A1", STEEL, V),
    data(SETTING, 144, "TRAFO_VT_RATIO_DENOMINATOR", "1-0:0.4.6", "u32", "04 / FF A3", STEEL, V),
    data(TEXT, 191, "HARDWARE_VERSION_0", "0-0:96.1.128", "text", "", IRON, I),
    data(TEXT, 192, "HARDWARE_VERSION_1", "0-0:96.1.129", "text", "", IRON, I),
    data(TEXT, 193, "HARDWARE_VERSION_2", "0-0:96.1.130", "text", "", IRON, I),
    data(TEXT, 194, "HARDWARE_VERSION_3", "0-0:96.1.131", "text", "", IRON, I),
    data(TEXT, 195, "HARDWARE_VERSION_4", "0-0:96.1.132", "text", "", IRON, I),
    data(TEXT, 196, "HARDWARE_VERSION_5", "0-0:96.1.133", "text", "", IRON, I),
    data(TEXT, 197, "HARDWARE_VERSION_6", "0-0:96.1.134", "text", "", IRON, I),
    data(TEXT, 198, "HARDWARE_VERSION_7", "0-0:96.1.135", "text", "", IRON, I),
)

# What is recorded over time (3.10), and alarms (3.6).
RECORDED = (
    table(109, "PREVIOUS_VALUES", 7, "1-0:98.1.0", 2, GOLD, S),
    table(110, "DEMAND", 7, "1-0:98.2.0", 2, GOLD, S),
    table(111, "LOAD_PROFILE_CH_1", 7, "1-0:99.1.1", 2, PLATINUM, S),
    table(112, "ALARM_SETTINGS_1", 1, "0-0:128.1.1", 2, GOLD, I),
)

#: All rows by the name of their group: ``energy.ACTIVE_ENERGY_IMPORT_TOTAL`` is a point.
GROUPS: Mapping[str, tuple[Row, ...]] = MappingProxyType(
    {
        "energy": ENERGY,
        "resettable": RESETTABLE,
        "conversion": CONVERSION,
        "instrument": INSTRUMENT,
        "harmonics": HARMONICS,
        "ports": PORTS,
        "tariffs": TARIFFS,
        "clock": CLOCK,
        "device": DEVICE,
        "recorded": RECORDED,
    }
)
#: All rows by id.
ROWS: Mapping[int, Row] = MappingProxyType(
    {row.id: row for row in sorted((row for rows in GROUPS.values() for row in rows), key=lambda row: row.id)}
)
#: Names that are not unique are those of the three tables of the calendar: the first stands for the object.
_BY_NAME = {row.name: row for row in reversed(tuple(ROWS.values()))}
_BY_LOGICAL_NAME = {(row.ln, row.attribute): row for row in ROWS.values()}


def by_name(name: str) -> Row:
    """The row of a name of the table, upper or lower case. Raises ``UnknownName``."""
    try:
        return _BY_NAME[name.upper()]
    except KeyError:
        raise UnknownName(f"ABB meters have no quantity {name!r}: `wattproof models abb` lists them") from None


def by_logical_name(ln: bytes, attribute: int = 2) -> Row | None:
    """The row at an attribute of an object, ``None`` if the table has none there."""
    return _BY_LOGICAL_NAME.get((ln, attribute))
