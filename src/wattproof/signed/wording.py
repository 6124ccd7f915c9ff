"""What a finding, a key and a colour are called in the language of the reader.

A report never depends on the locale of the machine: English unless somebody asks for German. Findings of a record are
stated in English with their values; in German the sentence of the code stands before them. Sources: verifier
specification, 0.6, 3.4 and 3.5.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from wattproof.signed.colours import Colour
from wattproof.signed.records import Finding, KeySource, Record
from wattproof.signed.texts import KEY_ORIGIN, TEXTS, Text

Language: TypeAlias = Literal["en", "de"]
LANGUAGES: tuple[Language, ...] = ("en", "de")

#: What a colour says about a session or a record, to a person who is no engineer.
COLOURS: dict[Colour, Text] = {
    Colour.GREEN: Text(
        "In order: signed by a key known to you, complete and without errors.",
        "In Ordnung: mit einem Ihnen bekannten Schlüssel signiert, vollständig und fehlerfrei.",
    ),
    Colour.YELLOW: Text(
        "In order with reservations: the notes below say which.",
        "In Ordnung mit Vorbehalt: Welchem, sagen die Hinweise unten.",
    ),
    Colour.RED: Text(
        "Not in order: the reasons are given below.",
        "Nicht in Ordnung: Die Gründe stehen unten.",
    ),
    Colour.GREY: Text(
        "Cannot be judged completely: something needed for that is missing.",
        "Nicht vollständig beurteilbar: Etwas dafür Nötiges fehlt.",
    ),
}
COLOUR_NAMES: dict[Colour, Text] = {
    Colour.GREEN: Text("green", "grün"),
    Colour.YELLOW: Text("yellow", "gelb"),
    Colour.RED: Text("red", "rot"),
    Colour.GREY: Text("grey", "grau"),
}
SEVERITIES: dict[str, Text] = {
    "error": Text("error", "Fehler"),
    "incomplete": Text("incomplete", "unvollständig"),
    "warning": Text("warning", "Warnung"),
    "info": Text("info", "Hinweis"),
}
PREDICTIONS: dict[str, Text] = {
    "valid": Text("valid", "gültig"),
    "invalid": Text("invalid", "ungültig"),
    "refused": Text("refused", "abgelehnt"),
    "unknown": Text("unknown", "unbekannt"),
}
REGISTERED = Text(
    "The key is trusted in your key register.",
    "Der Schlüssel ist in Ihrem Schlüsselregister als vertrauenswürdig eingetragen.",
)
#: The same as a few words.
SOURCES: dict[KeySource | None, Text] = {
    KeySource.TRUSTED: Text("known to you", "Ihnen bekannt"),
    KeySource.CONTAINER: Text("stood beside the record", "stand neben dem Datensatz"),
    KeySource.EMBEDDED: Text("stood inside the record", "stand im Datensatz selbst"),
    None: Text("there is none", "gibt es nicht"),
}
UNREADABLE = Text("The record cannot be read, see the findings.", "Der Datensatz ist nicht lesbar, siehe die Befunde.")

#: What would make a signature verify, in words; none of it changes a verdict.
HINTS: dict[str, Text] = {
    "would_verify_as_sha256": Text("would verify with SHA-256", "würde mit SHA-256 bestätigt"),
    "would_verify_with_key_curve": Text(
        "would verify on the curve of the key", "würde auf der Kurve des Schlüssels bestätigt"
    ),
    "would_verify_without_trailing_bytes": Text(
        "would verify without trailing bytes", "würde ohne die Bytes am Ende bestätigt"
    ),
    "would_verify_with_crlf": Text("would verify with CR LF line ends", "würde mit Zeilenenden CR LF bestätigt"),
    "would_verify_as_latin1": Text("would verify as Latin-1", "würde als Latin-1 bestätigt"),
    "would_verify_with_other_key": Text("would verify with the other key", "würde mit dem anderen Schlüssel bestätigt"),
}

#: German sentence of a finding by its code; the values follow in English.
GERMAN: dict[str, str] = {
    "F-ALFEN-BLOB": "Der ALFEN-Datensatz enthält weitere Bytes.",
    "F-ALFEN-TYPE": "Die ALFEN-Typangabe ist unbekannt.",
    "F-ARCHIVE": "Das Archiv überschreitet eine Grenze oder enthält Unerlaubtes.",
    "F-BOM": "Vor dem Datensatz steht eine Bytereihenfolge-Marke.",
    "F-BSM-ENCODING": "Die Zeichenkodierung eines BSM-Textes ist unbekannt.",
    "F-BSM-LEGACY": "Der Datensatz stammt von einer älteren Firmware.",
    "F-CL": "Der Wert der Kabelverluste weicht von der Beschreibung ab.",
    "F-COLUMN-TWICE": "Zwei Spalten haben dieselbe Bedeutung, die erste zählt.",
    "F-CT": "Die Art der Ladepunktkennung ist unbekannt.",
    "F-EDL-LOG": "Der Logbuchteil weicht von der Beschreibung ab.",
    "F-EF": "Die Fehlerkennzeichen weichen von der Beschreibung ab.",
    "F-EMPTY": "Es ist kein Datensatz enthalten.",
    "F-EXTRA": "Dies wird erkannt, aber in dieser Installation nicht gelesen.",
    "F-FORMAT": "Der Aufbau ist nicht lesbar.",
    "F-FORMAT-LABEL": "Die Formatangabe widerspricht dem Inhalt.",
    "F-FV": "Die Formatversion fehlt oder ist unbekannt.",
    "F-HEADER-WS": "Nach der Formatkennung stehen Leerzeichen.",
    "F-ID-SHAPE": "Die Nutzerkennung hat nicht die Form ihrer Art.",
    "F-IF": "Eine Angabe zur Identifizierung ist unbekannt.",
    "F-IL": "Die Zuordnungsstufe ist unbekannt.",
    "F-IS": "Die Angabe zur Zuordnung hat die falsche Form.",
    "F-IT": "Die Art der Nutzerkennung ist unbekannt.",
    "F-JSON": "Der Text ist kein gültiges JSON.",
    "F-JSON-CTRL": "Ein Text enthält Steuerzeichen.",
    "F-JSON-DEPTH": "Das JSON ist zu tief verschachtelt.",
    "F-JSON-DUPKEY": "Ein Feld kommt doppelt vor.",
    "F-KEY-CERT": "Der Schlüssel stammt aus einem Zertifikat, dessen Kette nicht geprüft wird.",
    "F-KEY-CHANGED": "Dieser Zähler ist mit einem anderen Schlüssel bekannt.",
    "F-KEY-DIFFERS": "Neben dem bestätigenden Schlüssel steht ein anderer.",
    "F-KEY-ENC": "Der Schlüssel ist anders kodiert als angegeben.",
    "F-KEY-REGISTER": "Das Schlüsselregister vertraut diesem Schlüssel für diesen Zähler.",
    "F-KEY-REVOKED": "Dieser Schlüssel wurde widerrufen.",
    "F-KEY-SEEN": "Ein Schlüssel dieses Zählers ist vorgemerkt, gilt aber noch nicht als vertrauenswürdig.",
    "F-KEY-SERIAL": "Dieser Schlüssel ist als der eines anderen Zählers bekannt.",
    "F-KEY-SHARED": "Der Schlüssel steht bei einem anderen Wert desselben Vorgangs.",
    "F-KEY-SIGNATURE": "Eine Signatur über dem Schlüssel ließ sich nicht bestätigen.",
    "F-KEY-SIGNED": "Eine andere Stelle hat diesen Schlüssel signiert; deren Schlüssel ist nicht belegt.",
    "F-KEY-UNKNOWN": "Ein Feld ist in der Beschreibung nicht vorgesehen.",
    "F-LC": "Die Angaben zur Verlustkompensation weichen von der Beschreibung ab.",
    "F-LENGTH": "Ein Text ist länger als erlaubt.",
    "F-MORE": "Weitere Befunde sind nicht aufgeführt.",
    "F-MS": "Die Zählernummer fehlt.",
    "F-PAYLOAD-TRIM": "Die Signatur gilt für den Text ohne die umgebenden Leerzeichen.",
    "F-PCDF": "Der PCDF-Datensatz weicht von der Beschreibung ab.",
    "F-PCDF-FIELDS": "Felder des PCDF-Datensatzes weichen von der Beschreibung ab.",
    "F-PG": "Die Paginierung hat nicht die beschriebene Form.",
    "F-PIPE": "In einem Text steht ein Trennzeichen, das dort verboten ist.",
    "F-PLAIN-DIFFERS": "Die unverschlüsselte Kopie weicht vom signierten Inhalt ab.",
    "F-PROFILE": "Ein anderes verbreitetes Programm würde dies nicht anerkennen.",
    "F-RD": "Die Liste der Ablesungen fehlt oder ist leer.",
    "F-READING": "In der ersten Ablesung fehlt eine Pflichtangabe.",
    "F-RI": "Die Registerkennzahl hat nicht die beschriebene Form.",
    "F-RI-RU": "Registerkennzahl und Einheit gehören zusammen, eine fehlt.",
    "F-RT": "Die Stromart ist unbekannt.",
    "F-RU": "Die Einheit ist nicht vorgesehen.",
    "F-RV": "Ein Zählerstand ist keine verwertbare Zahl.",
    "F-RV-RANGE": "Eine Zahl liegt außerhalb der Grenzen.",
    "F-RV-STRING": "Ein Zählerstand ist als Text geschrieben.",
    "F-SA-ALIAS": "Das Signaturverfahren ist in anderer Schreibweise genannt.",
    "F-SA-EXTENSION": "Das Signaturverfahren ist in OCMF nicht vorgesehen.",
    "F-SD": "Die Signatur fehlt oder ist nicht lesbar.",
    "F-SE": "Die Kodierung der Signatur ist unbekannt.",
    "F-SECTION4": "Hinter der Signatur steht ein weiterer Abschnitt.",
    "F-SIG-DER-INT": "Eine Zahl der Signatur ist nicht regelgerecht kodiert.",
    "F-SIG-RAW": "Die Signatur ist nicht in DER kodiert.",
    "F-SIZE": "Eine Größengrenze ist überschritten.",
    "F-SML": "Das SML-Telegramm ist nicht lesbar.",
    "F-SML-CRC": "Die Prüfsumme des SML-Telegramms stimmt nicht.",
    "F-ST": "Der Zählerstatus ist unbekannt.",
    "F-TEST-KEY": "Mit einem veröffentlichten Testschlüssel signiert, den jeder berechnen kann.",
    "F-TIME-OFFSET": "Die Zeitzone ist nur außerhalb der Signatur angegeben.",
    "F-TM": "Eine Zeitangabe weicht von der beschriebenen Form ab.",
    "F-TX": "Der Grund einer Ablesung ist unbekannt.",
    "F-TYPE": "Ein Feld hat die falsche Art von Wert.",
    "F-UNSIGNED-DIFFERS": "Eine nicht signierte Angabe weicht von der signierten ab.",
    "F-UTF8": "Der Text ist nicht in UTF-8 kodiert.",
    "F-XML": "Der Text ist kein gültiges XML.",
    "F-XML-DEPTH": "Das XML ist zu tief verschachtelt.",
    "F-XML-DTD": "Das XML enthält eine Dokumenttypdefinition und wird abgelehnt.",
    "F-XML-ENCODING": "Die Signatur gilt für die Bytes der Datei in ihrer angegebenen Kodierung.",
    "F-XML-FRAGMENT": "Dem XML fehlt das Wurzelelement.",
    "F-XML-NAMESPACE": "Das XML liegt in einem Namensraum.",
}


def say(text: Text, language: Language) -> str:
    """A sentence in one language."""
    return text.de if language == "de" else text.en


def message(finding: Finding, language: Language, *, beside: bool = False) -> str:
    """What a finding says: its sentence and the values concerned. ``beside``: the English one stands beside it."""
    if language == "en":
        return finding.message
    known = TEXTS.get(finding.code)
    if known is not None:
        return known.de + finding.message.removeprefix(known.en) if finding.message.startswith(known.en) else known.de
    sentence = GERMAN.get(finding.code.partition(":")[0])
    if sentence is None:
        return finding.message
    return sentence if beside else f"{sentence} [{finding.message}]"


def key_origin(record: Record, language: Language) -> str:
    """Where the deciding key came from and what that proves."""
    source = record.signature.key_source
    if source is KeySource.TRUSTED and any(finding.code == "F-KEY-REGISTER" for finding in record.findings):
        return say(REGISTERED, language)
    return say(KEY_ORIGIN[source.value if source is not None else None], language)


def hint(name: str, language: Language) -> str:
    """A hint in words."""
    known = HINTS.get(name)
    return name.replace("_", " ") if known is None else say(known, language)
