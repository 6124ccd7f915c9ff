"""One sentence for each code of a specification finding, in English and German.

A finding carries its own English message, which may name what is concerned; these sentences say the same in general,
for reports in German and for readers of a code. Codes: verifier specification, section 3.4.
"""

from __future__ import annotations

from wattproof.signed.texts import Text

#: Code (without the path behind a colon) to sentence.
FINDINGS: dict[str, Text] = {
    "F-ALFEN-BLOB": Text("Unknown version of the ALFEN data.", "Unbekannte Version der ALFEN-Daten."),
    "F-ALFEN-TYPE": Text(
        "The adapter status contradicts the type of the line.",
        "Der Adapterstatus widerspricht der Art der Zeile.",
    ),
    "F-ARCHIVE": Text("The archive is beyond the limits.", "Das Archiv überschreitet die Grenzen."),
    "F-BOM": Text(
        "A byte order mark stands before the text.", "Vor dem Text steht eine Bytereihenfolge-Markierung (BOM)."
    ),
    "F-BSM-ENCODING": Text(
        "A text of the snapshot cannot be expressed in its encoding.",
        "Ein Text des Snapshots lässt sich in seiner Kodierung nicht darstellen.",
    ),
    "F-BSM-LEGACY": Text(
        "Signed in the order of firmware before December 2020.",
        "In der Reihenfolge der Firmware vor Dezember 2020 signiert.",
    ),
    "F-CL": Text(
        "The accumulated loss is no plain number from 0.", "Der aufgelaufene Verlust ist keine einfache Zahl ab 0."
    ),
    "F-COLUMN-TWICE": Text(
        "Two columns have the same meaning, the first one counts.",
        "Zwei Spalten haben dieselbe Bedeutung, die erste zählt.",
    ),
    "F-CT": Text(
        "The type of charge point is neither EVSEID nor CBIDC.",
        "Die Art der Ladepunktkennung ist weder EVSEID noch CBIDC.",
    ),
    "F-EDL-LOG": Text("The log book bytes are missing or differ.", "Die Logbuch-Bytes fehlen oder weichen ab."),
    "F-EF": Text("Error flags other than E and t.", "Andere Fehlerkennzeichen als E und t."),
    "F-EMPTY": Text("There is nothing in it.", "Es ist nichts enthalten."),
    "F-EXTRA": Text(
        "The format is recognised, but not read here.", "Das Format wird erkannt, aber hier nicht gelesen."
    ),
    "F-FORMAT": Text("This is no readable signed meter value.", "Dies ist kein lesbarer signierter Messwert."),
    "F-FORMAT-LABEL": Text(
        "The label of the container names another format.", "Der Container bezeichnet ein anderes Format."
    ),
    "F-FV": Text("The format version is unknown or no text.", "Die Formatversion ist unbekannt oder kein Text."),
    "F-HEADER-WS": Text(
        "White space stands between OCMF and the first pipe.",
        "Zwischen OCMF und dem ersten senkrechten Strich stehen Leerzeichen.",
    ),
    "F-ID-SHAPE": Text(
        "The identification does not have the shape of its type.",
        "Die Kennung hat nicht die Form ihrer Art.",
    ),
    "F-IF": Text(
        "The identification flags are not those of OCMF.", "Die Identifizierungsmerkmale sind nicht die von OCMF."
    ),
    "F-IL": Text("This assignment level is not one of OCMF.", "Diese Zuordnungsstufe kennt OCMF nicht."),
    "F-IS": Text(
        "The identification status is neither true nor false.",
        "Der Identifizierungsstatus ist weder wahr noch falsch.",
    ),
    "F-IT": Text("This identification type is not one of OCMF.", "Diese Art der Kennung kennt OCMF nicht."),
    "F-JSON": Text("The text is not valid JSON.", "Der Text ist kein gültiges JSON."),
    "F-JSON-CTRL": Text(
        "A raw control character stands in a text.", "In einem Text steht ein unmaskiertes Steuerzeichen."
    ),
    "F-JSON-DEPTH": Text("The JSON is nested too deeply.", "Das JSON ist zu tief verschachtelt."),
    "F-JSON-DUPKEY": Text(
        "A key occurs more than once, the last value is shown.",
        "Ein Schlüsselwort kommt mehrfach vor, der letzte Wert wird gezeigt.",
    ),
    "F-KEY-CERT": Text(
        "The key was taken from a certificate, whose chain is not checked.",
        "Der Schlüssel stammt aus einem Zertifikat, dessen Kette nicht geprüft wird.",
    ),
    "F-KEY-DIFFERS": Text(
        "Another key beside the record differs from the one that verifies it.",
        "Ein weiterer Schlüssel beim Datensatz weicht von dem ab, der ihn bestätigt.",
    ),
    "F-KEY-ENC": Text(
        "The key is written in another encoding than stated.",
        "Der Schlüssel ist in einer anderen Kodierung geschrieben als angegeben.",
    ),
    "F-KEY-SHARED": Text(
        "The key stands beside another value of the same transaction.",
        "Der Schlüssel steht neben einem anderen Wert derselben Transaktion.",
    ),
    "F-KEY-SIGNATURE": Text(
        "The key bears a signature of another party, which could not be confirmed.",
        "Der Schlüssel trägt eine Signatur einer anderen Stelle, die sich nicht bestätigen ließ.",
    ),
    "F-KEY-SIGNED": Text(
        "The key bears a valid signature of another party, whose own key the file cannot prove.",
        "Der Schlüssel trägt eine gültige Signatur einer anderen Stelle, deren eigener Schlüssel nicht belegt ist.",
    ),
    "F-KEY-UNKNOWN": Text("OCMF does not define a field.", "Ein Feld ist in OCMF nicht definiert."),
    "F-LC": Text(
        "The cable loss compensation is incomplete or malformed.",
        "Die Angaben zur Kabelverlustkompensation sind unvollständig oder fehlerhaft.",
    ),
    "F-LENGTH": Text("A text is longer than OCMF allows.", "Ein Text ist länger, als OCMF erlaubt."),
    "F-MORE": Text("More findings are not listed.", "Weitere Befunde sind nicht aufgeführt."),
    "F-MS": Text(
        "Neither meter nor gateway serial number is stated.",
        "Weder die Seriennummer des Zählers noch die des Gateways ist angegeben.",
    ),
    "F-PAYLOAD-TRIM": Text(
        "White space around the signed text was added after signing.",
        "Um den signierten Text wurden nach dem Signieren Leerzeichen eingefügt.",
    ),
    "F-PCDF": Text("The PCDF record is malformed.", "Der PCDF-Datensatz ist fehlerhaft."),
    "F-PCDF-FIELDS": Text("Fields of the PCDF record deviate.", "Felder des PCDF-Datensatzes weichen ab."),
    "F-PG": Text("The page number is missing or malformed.", "Die Paginierung fehlt oder ist fehlerhaft."),
    "F-PIPE": Text(
        "A pipe stands inside a text, which OCMF forbids.",
        "In einem Text steht ein senkrechter Strich, was OCMF verbietet.",
    ),
    "F-PLAIN-DIFFERS": Text(
        "An unsigned copy of the data differs from the signed ones.",
        "Eine nicht signierte Kopie der Daten weicht von den signierten ab.",
    ),
    "F-PROFILE": Text("Another program would not accept this.", "Ein anderes Programm würde dies nicht anerkennen."),
    "F-RD": Text("The readings are missing.", "Die Zählerstände fehlen."),
    "F-READING": Text("A reading is incomplete or no object.", "Ein Zählerstand ist unvollständig oder kein Objekt."),
    "F-RI": Text(
        "A register code is no OBIS code, or a reserved one.",
        "Eine Registerkennzahl ist keine OBIS-Kennzahl oder reserviert.",
    ),
    "F-RI-RU": Text(
        "Register code and unit do not come together.", "Registerkennzahl und Einheit stehen nicht zusammen."
    ),
    "F-RT": Text("The type of reading is neither AC nor DC.", "Die Stromart ist weder AC noch DC."),
    "F-RU": Text(
        "A unit is not one of OCMF and not billable.", "Eine Einheit kennt OCMF nicht, sie ist nicht abrechenbar."
    ),
    "F-RV": Text("A value is no decimal number.", "Ein Wert ist keine Dezimalzahl."),
    "F-RV-RANGE": Text("A number is too long or too large.", "Eine Zahl ist zu lang oder zu groß."),
    "F-RV-STRING": Text("A value is a text instead of a number.", "Ein Wert ist ein Text statt einer Zahl."),
    "F-SA-ALIAS": Text(
        "The signature algorithm is spelled in another way than in OCMF.",
        "Das Signaturverfahren ist anders geschrieben als in OCMF.",
    ),
    "F-SA-EXTENSION": Text(
        "OCMF does not define this signature algorithm.", "OCMF definiert dieses Signaturverfahren nicht."
    ),
    "F-SD": Text("The signature is missing or cannot be decoded.", "Die Signatur fehlt oder ist nicht dekodierbar."),
    "F-SE": Text("The encoding of the signature is unknown.", "Die Kodierung der Signatur ist unbekannt."),
    "F-SECTION4": Text(
        "A fourth section was read as the public key.",
        "Ein vierter Abschnitt wurde als öffentlicher Schlüssel gelesen.",
    ),
    "F-SIG-DER-INT": Text(
        "A number of the signature lacks its sign byte or has one too many.",
        "Einer Zahl der Signatur fehlt das Vorzeichenbyte oder sie hat eines zu viel.",
    ),
    "F-SIG-RAW": Text(
        "The signature is two plain numbers instead of DER.",
        "Die Signatur besteht aus zwei bloßen Zahlen statt aus DER.",
    ),
    "F-SIZE": Text("More than is read: a limit is exceeded.", "Mehr, als gelesen wird: Eine Grenze ist überschritten."),
    "F-SML": Text("The SML telegram is malformed.", "Das SML-Telegramm ist fehlerhaft."),
    "F-SML-CRC": Text("The checksum of the SML telegram is wrong.", "Die Prüfsumme des SML-Telegramms ist falsch."),
    "F-ST": Text("A meter status is not one of OCMF.", "Einen Zählerstatus kennt OCMF nicht."),
    "F-TEST-KEY": Text(
        "Signed with a published test key that anyone can compute: this is test data.",
        "Mit einem veröffentlichten Testschlüssel signiert, den jeder berechnen kann: Dies sind Testdaten.",
    ),
    "F-TIME-OFFSET": Text("The time zone was found by trying.", "Die Zeitzone wurde durch Ausprobieren gefunden."),
    "F-TM": Text("A time deviates from its format.", "Eine Zeitangabe weicht von ihrem Format ab."),
    "F-TX": Text("A reason of a reading is not one of OCMF.", "Einen Anlass eines Zählerstands kennt OCMF nicht."),
    "F-TYPE": Text("A field is not a text.", "Ein Feld ist kein Text."),
    "F-UNSIGNED-DIFFERS": Text(
        "An unsigned field differs from the signed one.", "Ein nicht signiertes Feld weicht vom signierten ab."
    ),
    "F-UTF8": Text(
        "The text is not valid UTF-8 and is shown as Windows-1252.",
        "Der Text ist kein gültiges UTF-8 und wird als Windows-1252 gezeigt.",
    ),
    "F-XML": Text("The XML cannot be read.", "Das XML ist nicht lesbar."),
    "F-XML-DEPTH": Text("The XML is nested too deeply.", "Das XML ist zu tief verschachtelt."),
    "F-XML-DTD": Text("The XML holds a DOCTYPE, which is refused.", "Das XML enthält ein DOCTYPE und wird abgelehnt."),
    "F-XML-ENCODING": Text(
        "The signed bytes are those of the XML file, not their UTF-8 form.",
        "Signiert sind die Bytes der XML-Datei, nicht ihre UTF-8-Form.",
    ),
    "F-XML-FRAGMENT": Text("The XML has no root element.", "Dem XML fehlt das Wurzelelement."),
    "F-XML-NAMESPACE": Text("The container lies in a namespace.", "Der Container liegt in einem Namensraum."),
}
