"""The words that every page has, in both languages."""

from __future__ import annotations

from wattproof.signed.texts import Text

PARTS: dict[str, Text] = {
    "title": Text("Check of signed meter values", "Prüfung signierter Messwerte"),
    "overview": Text("Check of signed meter values: overview", "Prüfung signierter Messwerte: Übersicht"),
    "source": Text("File", "Datei"),
    "session": Text("Session or record", "Ladevorgang oder Datensatz"),
    "verdict": Text("Verdict", "Ergebnis"),
    "begin": Text("Start", "Beginn"),
    "end": Text("End", "Ende"),
    "energy": Text("Energy", "Energie"),
    "readings": Text("Meter readings", "Zählerstände"),
    "curve": Text("Meter reading over time", "Zählerstand im Verlauf"),
    "notes": Text("What stands out", "Was auffällt"),
    "evidence": Text("For the record: what was signed", "Zum Nachprüfen: was signiert wurde"),
    "how": Text(
        "The signature covers exactly these bytes; whoever has the key can check it without this program.",
        "Die Signatur gilt genau diesen Bytes; wer den Schlüssel hat, kann sie ohne dieses Programm prüfen.",
    ),
    "algorithm": Text("Algorithm", "Verfahren"),
    "signed": Text("Signed bytes", "Signierte Bytes"),
    "hash": Text("Their hash", "Hashwert davon"),
    "signature": Text("Signature", "Signatur"),
    "key": Text("Public key", "Öffentlicher Schlüssel"),
    "fingerprint": Text("Fingerprint", "Fingerabdruck"),
    "bytes left out": Text("more bytes are not printed", "weitere Bytes sind nicht abgedruckt"),
    "left out": Text(
        "more sessions or records have no page here; the counts include them.",
        "weitere Ladevorgänge oder Datensätze haben hier keine Seite; die Zahlen enthalten sie.",
    ),
    "unreadable": Text("Files that could not be read", "Dateien, die nicht gelesen werden konnten"),
}

#: Columns of the readings.
COLUMNS = (
    Text("Kind", "Art"),
    Text("Time", "Zeit"),
    Text("Value", "Wert"),
    Text("Register", "Register"),
    Text("Status", "Status"),
)
MOMENTS: dict[str, Text] = {
    "begin": Text("start", "Beginn"),
    "intermediate": Text("intermediate", "dazwischen"),
    "end": Text("end", "Ende"),
    "exception": Text("exception", "Ausnahme"),
    "suspend": Text("suspended", "unterbrochen"),
    "tariff": Text("tariff switch", "Tarifwechsel"),
    "fiscal": Text("fiscal", "fiskalisch"),
}
