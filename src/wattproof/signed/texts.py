"""The sentences of a report: one for each session code in English and German, the notice, the words of the colours.

A report never depends on the locale of the machine: terminal and JSON carry English, printed reports carry both.
Source: verifier specification, sections 0.6, 3.5 and 3.6.
"""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """One sentence in both languages."""

    en: str
    de: str


NOTICE = Text(
    "This is a technical check. It is not the conformity-assessed transparency software and does not replace it "
    "in a legal dispute.",
    "Dies ist eine technische Prüfung. Sie ist nicht die konformitätsbewertete Transparenzsoftware und ersetzt sie "
    "in einem Rechtsstreit nicht.",
)

#: Session code to sentence.
TEXTS: dict[str, Text] = {
    "S-BEGIN-MISSING": Text(
        "The meter reading at the start of charging is missing.", "Der Zählerstand zu Beginn des Ladevorgangs fehlt."
    ),
    "S-END-MISSING": Text(
        "The meter reading at the end of charging is missing.", "Der Zählerstand am Ende des Ladevorgangs fehlt."
    ),
    "S-BEGIN-MULTIPLE": Text(
        "There is more than one start reading for the same register.",
        "Für dasselbe Register gibt es mehr als einen Anfangsstand.",
    ),
    "S-BEGIN-REDUNDANT": Text(
        "The start record is contained in the complete record and was counted once.",
        "Der Startdatensatz ist im vollständigen Datensatz enthalten und wurde einmal gezählt.",
    ),
    "S-END-MULTIPLE": Text(
        "There is more than one end reading for the same register.",
        "Für dasselbe Register gibt es mehr als einen Endstand.",
    ),
    "S-BEGIN-NOT-FIRST": Text(
        "A reading stands before the start reading.", "Vor dem Anfangsstand steht ein weiterer Zählerstand."
    ),
    "S-END-NOT-LAST": Text(
        "A reading stands after the end reading.", "Nach dem Endstand steht ein weiterer Zählerstand."
    ),
    "S-CONTEXT": Text(
        "A record labelled as start holds an end reading, or the other way round.",
        "Ein als Beginn bezeichneter Datensatz enthält einen Endstand oder umgekehrt.",
    ),
    "S-CONTEXT-IGNORED": Text(
        "The start or end label of a single complete record was ignored.",
        "Die Kennzeichnung eines einzelnen vollständigen Datensatzes als Beginn oder Ende wurde nicht beachtet.",
    ),
    "S-NO-ENERGY": Text("The records hold no energy register.", "Die Datensätze enthalten kein Energieregister."),
    "S-EXCEPTION": Text(
        "The meter recorded an exception during charging.",
        "Der Zähler hat während des Ladens eine Ausnahme verzeichnet.",
    ),
    "S-DUPLICATE": Text(
        "The same signed record is present more than once and was counted once.",
        "Derselbe signierte Datensatz liegt mehrfach vor und wurde einmal gezählt.",
    ),
    "S-REPEATED": Text(
        "Another record states the same charging session and must not be billed again.",
        "Ein weiterer Datensatz beschreibt denselben Ladevorgang und darf nicht noch einmal berechnet werden.",
    ),
    "S-FISCAL": Text(
        "This is a fiscal reading and not a charging session.",
        "Dies ist eine fiskalische Ablesung und kein Ladevorgang.",
    ),
    "S-PAGE-FORMAT": Text("The page number is missing or malformed.", "Die Paginierung fehlt oder ist fehlerhaft."),
    "S-PAGE-CONTEXT": Text(
        "Transaction pages and fiscal pages are mixed.", "Transaktions- und fiskalische Paginierung sind vermischt."
    ),
    "S-PAGE-ORDER": Text("The page numbers do not increase.", "Die Seitennummern steigen nicht an."),
    "S-PAGE-GAP": Text(
        "Page numbers are missing between the records, so a record may be missing.",
        "Zwischen den Datensätzen fehlen Seitennummern, es könnte also ein Datensatz fehlen.",
    ),
    "S-PAGE-SKIPPED": Text(
        "The meter signed other readings between the ones shown here.",
        "Der Zähler hat zwischen den hier gezeigten Ständen weitere Ablesungen signiert.",
    ),
    "S-METER-MISMATCH": Text(
        "Start and end come from different meters.", "Beginn und Ende stammen von verschiedenen Zählern."
    ),
    "S-GATEWAY-MISMATCH": Text(
        "Start and end come from different signing devices.",
        "Beginn und Ende stammen von verschiedenen signierenden Geräten.",
    ),
    "S-SESSION-MISMATCH": Text(
        "The records belong to different charging sessions.", "Die Datensätze gehören zu verschiedenen Ladevorgängen."
    ),
    "S-EVSE-MISMATCH": Text(
        "The signed charge point differs between the records or from the container.",
        "Der signierte Ladepunkt unterscheidet sich zwischen den Datensätzen oder vom Container.",
    ),
    "S-IDENT-MISMATCH": Text(
        "The identified user differs between start and end.",
        "Die Nutzerkennung unterscheidet sich zwischen Beginn und Ende.",
    ),
    "S-IDENT-TIME": Text(
        "The time of identification differs between start and end.",
        "Der Zeitpunkt der Identifikation unterscheidet sich zwischen Beginn und Ende.",
    ),
    "S-IDENT-MARKER": Text(
        "The user identifications differ only in the start or end marker of this meter type.",
        "Die Nutzerkennungen unterscheiden sich nur in der Anfangs- oder Endmarke dieses Zählertyps.",
    ),
    "S-KEY-MISMATCH": Text(
        "The records of this session were signed with different keys.",
        "Die Datensätze dieses Ladevorgangs wurden mit verschiedenen Schlüsseln signiert.",
    ),
    "S-FIRMWARE-CHANGED": Text(
        "The firmware differs between start and end.", "Die Firmware unterscheidet sich zwischen Beginn und Ende."
    ),
    "S-TARIFF-CHANGED": Text(
        "The tariff text differs between start and end.", "Der Tariftext unterscheidet sich zwischen Beginn und Ende."
    ),
    "S-UNSIGNED-MISMATCH": Text(
        "An unsigned field contradicts the signed value.", "Ein nicht signiertes Feld widerspricht dem signierten Wert."
    ),
    "S-AMBIGUOUS": Text(
        "A checked field occurs twice, so the record can be read in two ways.",
        "Ein geprüftes Feld kommt doppelt vor, der Datensatz ist also mehrdeutig.",
    ),
    "S-VALUE-MISSING": Text("An energy reading has no usable value.", "Ein Energiestand hat keinen verwertbaren Wert."),
    "S-VALUE-NEGATIVE": Text("A meter reading is negative.", "Ein Zählerstand ist negativ."),
    "S-VALUE-DECREASE": Text(
        "A meter reading is lower than the one before.", "Ein Zählerstand ist niedriger als der vorherige."
    ),
    "S-UNIT": Text(
        "The energy register has no unit or one other than kWh and Wh.",
        "Das Energieregister hat keine oder eine andere Einheit als kWh und Wh.",
    ),
    "S-UNIT-CHANGED": Text(
        "The unit changes within the session and was converted exactly.",
        "Die Einheit wechselt innerhalb des Ladevorgangs und wurde exakt umgerechnet.",
    ),
    "S-OBIS-CHANGED": Text(
        "The register code is written differently at start and end.",
        "Die Registerkennzahl ist bei Beginn und Ende verschieden geschrieben.",
    ),
    "S-OBIS-MISMATCH": Text(
        "Start and end are stated for different registers.", "Beginn und Ende sind für verschiedene Register angegeben."
    ),
    "S-EXPORT-ONLY": Text(
        "The session holds only registers for exported energy.",
        "Der Ladevorgang enthält nur Register für abgegebene Energie.",
    ),
    "S-REGISTER-NOT-RESET": Text(
        "The session register does not start at zero.", "Das Sitzungsregister beginnt nicht bei null."
    ),
    "S-REGISTER-DISAGREE": Text(
        "Session register and total register give different amounts of energy.",
        "Sitzungs- und Gesamtregister ergeben verschiedene Energiemengen.",
    ),
    "S-LOSS": Text(
        "The cable loss value does not start at zero or decreases.",
        "Der Wert der Kabelverluste beginnt nicht bei null oder nimmt ab.",
    ),
    "S-ZERO-ENERGY": Text("No energy was charged.", "Es wurde keine Energie geladen."),
    "S-ENERGY-HIGH": Text("The amount of energy is unusually high.", "Die Energiemenge ist ungewöhnlich hoch."),
    "S-POWER-HIGH": Text("The mean power is unusually high.", "Die mittlere Leistung ist ungewöhnlich hoch."),
    "S-TIME-FORMAT": Text(
        "The time of a start or end reading cannot be read.",
        "Der Zeitpunkt eines Anfangs- oder Endstands ist nicht lesbar.",
    ),
    "S-TIME-ORDER": Text("The times do not run forward.", "Die Zeitangaben laufen nicht vorwärts."),
    "S-TIME-UNSYNC": Text(
        "The meter's clock was not synchronised, so the record does not support time-based prices.",
        "Die Uhr des Zählers war nicht synchronisiert, der Datensatz stützt daher keine zeitabhängigen Preise.",
    ),
    "S-TIME-INFORMATIVE": Text("The times are only informative.", "Die Zeitangaben sind nur informativ."),
    "S-TIME-RELATIVE": Text(
        "The duration was measured, the time of day is only informative.",
        "Die Dauer wurde gemessen, die Uhrzeit ist nur informativ.",
    ),
    "S-TIME-RELATIVE-LOST": Text(
        "The relative time of the start was not continued to the end.",
        "Die relative Zeit vom Beginn wurde bis zum Ende nicht fortgeführt.",
    ),
    "S-TIME-SET": Text("The clock was set during charging.", "Die Uhr wurde während des Ladens gestellt."),
    "S-TIME-IMPLAUSIBLE": Text(
        "A time lies before 2015 or in the future.", "Ein Zeitpunkt liegt vor 2015 oder in der Zukunft."
    ),
    "S-DURATION": Text(
        "The stated duration differs from the difference of the times.",
        "Die angegebene Dauer weicht von der Differenz der Zeitpunkte ab.",
    ),
    "S-STATUS": Text("The meter reported an error.", "Der Zähler hat einen Fehler gemeldet."),
    "S-STATUS-MISSING": Text("The meter status is missing.", "Der Zählerstatus fehlt."),
    "S-STATUS-MISMATCH": Text(
        "The signing device reports that start and stop reading do not match.",
        "Das signierende Gerät meldet, dass Anfangs- und Endstand nicht zusammenpassen.",
    ),
    "S-STATUS-MAGNET": Text("The meter detected a magnetic field.", "Der Zähler hat ein Magnetfeld erkannt."),
    "S-STATUS-INFO": Text("The meter reported further status bits.", "Der Zähler hat weitere Statusbits gemeldet."),
    "S-ERRORFLAG": Text(
        "The meter marks the energy value as unusable.", "Der Zähler kennzeichnet den Energiewert als nicht verwertbar."
    ),
    "S-ERRORFLAG-TIME": Text(
        "The meter marks the time as unusable.", "Der Zähler kennzeichnet die Zeitangabe als nicht verwertbar."
    ),
    "S-EVENT-COUNTER": Text(
        "The meter's event log changed during charging.",
        "Das Ereignislogbuch des Zählers hat sich während des Ladens geändert.",
    ),
    "S-BILLING-INVALID": Text(
        "The meter marks the session as not billable.", "Der Zähler kennzeichnet den Ladevorgang als nicht abrechenbar."
    ),
    "S-IDENT-LEVEL": Text(
        "The assignment of the user failed or is not valid.",
        "Die Zuordnung des Nutzers ist fehlgeschlagen oder nicht gültig.",
    ),
    "S-IDENT-NONE": Text("No user was assigned to the session.", "Dem Ladevorgang wurde kein Nutzer zugeordnet."),
    "S-END-ABNORMAL": Text(
        "Charging ended by an error or a power failure.", "Der Ladevorgang endete durch einen Fehler oder Stromausfall."
    ),
    "S-TARIFF-SWITCH": Text(
        "The tariff was switched during charging.", "Während des Ladens wurde der Tarif gewechselt."
    ),
}

#: Where the deciding key came from, in plain words.
KEY_ORIGIN: dict[str | None, Text] = {
    "trusted": Text(
        "The key was given by you.",
        "Der Schlüssel wurde von Ihnen angegeben.",
    ),
    "container": Text(
        "The key stood beside the record. This proves only that record and key belong together, "
        "not that the key is the meter's: compare it with the key printed on the meter.",
        "Der Schlüssel stand neben dem Datensatz. Das beweist nur, dass Datensatz und Schlüssel zusammengehören, "
        "nicht, dass es der Schlüssel des Zählers ist: Vergleichen Sie ihn mit dem Aufdruck auf dem Zähler.",
    ),
    "embedded": Text(
        "The key stood inside the record. This proves only that record and key belong together, "
        "not that the key is the meter's: compare it with the key printed on the meter.",
        "Der Schlüssel stand im Datensatz selbst. Das beweist nur, dass Datensatz und Schlüssel zusammengehören, "
        "nicht, dass es der Schlüssel des Zählers ist: Vergleichen Sie ihn mit dem Aufdruck auf dem Zähler.",
    ),
    None: Text("There is no key.", "Es gibt keinen Schlüssel."),
}

TEST_KEY = Text(
    "Signed with a published test key that anyone can compute: this is test data.",
    "Mit einem veröffentlichten Testschlüssel signiert, den jeder berechnen kann: Dies sind Testdaten.",
)

NOT_BACKED = Text("not backed by signatures", "nicht durch Signaturen gedeckt")

#: Reason code of a signature verdict to sentence.
REASONS: dict[str, Text] = {
    "V-MISMATCH": Text(
        "The signature does not fit the signed text: text, signature or key was changed.",
        "Die Signatur passt nicht zum signierten Text: Text, Signatur oder Schlüssel wurde verändert.",
    ),
    "V-SIG-ENCODING": Text("The signature is not encoded as it must be.", "Die Signatur ist falsch kodiert."),
    "V-SIG-RANGE": Text(
        "The signature holds numbers outside their range.", "Die Signatur enthält Zahlen außerhalb ihres Bereichs."
    ),
    "V-NO-KEY": Text(
        "There is no public key: give the one printed on the meter with --public-key.",
        "Es fehlt der öffentliche Schlüssel: Geben Sie den auf dem Zähler aufgedruckten mit --public-key an.",
    ),
    "V-KEY-ENCODING": Text("The public key cannot be read.", "Der öffentliche Schlüssel ist nicht lesbar."),
    "V-KEY-POINT": Text(
        "The public key is not a point of its curve.", "Der öffentliche Schlüssel ist kein Punkt seiner Kurve."
    ),
    "V-CURVE-MISMATCH": Text(
        "The record names another curve than its key has.", "Der Datensatz nennt eine andere Kurve als der Schlüssel."
    ),
    "V-KEY-CONFLICT": Text(
        "Another key stands beside the record, and the one that decides does not verify it.",
        "Neben dem Datensatz steht ein anderer Schlüssel, und der maßgebliche bestätigt ihn nicht.",
    ),
    "V-ALG": Text(
        "This format or signature algorithm is not supported by this version.",
        "Dieses Format oder Signaturverfahren wird von dieser Version nicht unterstützt.",
    ),
    "V-SEALED": Text(
        "Sealed records are recognised but not opened.", "Versiegelte Datensätze werden erkannt, aber nicht geöffnet."
    ),
    "V-EXTRA": Text("An optional part is not installed.", "Ein optionaler Teil ist nicht installiert."),
}

#: Signature verdict to the headline of a record.
HEADLINES: dict[str, Text] = {
    "valid": Text("signature valid", "Signatur gültig"),
    "invalid": Text("signature invalid", "Signatur ungültig"),
    "no-key": Text("no key to verify with", "kein Schlüssel zur Prüfung"),
    "key-error": Text("key unusable", "Schlüssel nicht verwendbar"),
    "unsupported": Text("not supported", "nicht unterstützt"),
    "format-error": Text("not readable", "nicht lesbar"),
}

#: Session verdict to its sentence.
VERDICTS: dict[str, Text] = {
    "ok": Text("A complete charging session without errors.", "Ein vollständiger Ladevorgang ohne Fehler."),
    "warn": Text("A complete charging session with warnings.", "Ein vollständiger Ladevorgang mit Warnungen."),
    "fail": Text(
        "Not a correct charging session: the errors below stand against it.",
        "Kein korrekter Ladevorgang: Die unten genannten Fehler sprechen dagegen.",
    ),
    "incomplete": Text("Start or end of the charging session is missing.", "Beginn oder Ende des Ladevorgangs fehlt."),
    "not-applicable": Text(
        "A fiscal reading: the rules of a charging session do not apply.",
        "Eine fiskalische Ablesung: Die Regeln eines Ladevorgangs gelten nicht.",
    ),
}
