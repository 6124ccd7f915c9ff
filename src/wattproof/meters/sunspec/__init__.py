"""Any SunSpec meter: the base that other families build on."""
