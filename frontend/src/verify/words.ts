// The page's own words in both languages. Sentences about verdicts and findings come from the package (data.json).
import data from './data.json'

export type Language = 'en' | 'de'
type Both = Record<Language, string>

export const WORDS = {
  title: { en: 'Check signed meter values', de: 'Signierte Messwerte prüfen' },
  intro: {
    en: 'This page checks records of charging sessions: OCMF, S.A.F.E. XML, and chargeIT JSON with BSM snapshots as Chargy reads it.',
    de: 'Diese Seite prüft Datensätze von Ladevorgängen: OCMF, S.A.F.E.-XML und chargeIT-JSON mit BSM-Snapshots, wie Chargy es liest.',
  },
  privacy: {
    en: 'Everything happens in this browser. Nothing is sent anywhere: the page has no permission to.',
    de: 'Alles geschieht in diesem Browser. Nichts wird gesendet: Die Seite hat keine Erlaubnis dazu.',
  },
  language: { en: 'Language', de: 'Sprache' },
  file: { en: 'Files', de: 'Dateien' },
  drop: { en: 'Choose files, or drop them anywhere on this page.', de: 'Dateien wählen oder irgendwo auf dieser Seite ablegen.' },
  text: { en: 'Or paste a record', de: 'Oder einen Datensatz einfügen' },
  key: { en: 'Public key of the meter (optional)', de: 'Öffentlicher Schlüssel des Zählers (freiwillig)' },
  keyHint: {
    en: 'As printed on the meter or published by its maker. Only with it can a result be green.',
    de: 'Wie auf dem Zähler aufgedruckt oder vom Hersteller veröffentlicht. Nur mit ihm kann ein Ergebnis grün sein.',
  },
  allow: { en: 'Allow published test keys', de: 'Veröffentlichte Testschlüssel zulassen' },
  allowHint: {
    en: 'For test data only: anyone can compute these keys.',
    de: 'Nur für Testdaten: Diese Schlüssel kann jeder berechnen.',
  },
  check: { en: 'Check', de: 'Prüfen' },
  print: { en: 'Print', de: 'Drucken' },
  results: { en: 'Result', de: 'Ergebnis' },
  pasted: { en: 'pasted text', de: 'eingefügter Text' },
  busy: { en: 'Checking …', de: 'Wird geprüft …' },
  session: { en: 'Charging session', de: 'Ladevorgang' },
  loose: { en: 'Record outside any session', de: 'Datensatz außerhalb eines Ladevorgangs' },
  record: { en: 'Record', de: 'Datensatz' },
  energy: { en: 'Energy', de: 'Energie' },
  begin: { en: 'Begin', de: 'Beginn' },
  end: { en: 'End', de: 'Ende' },
  format: { en: 'Format', de: 'Format' },
  meter: { en: 'Meter', de: 'Zähler' },
  user: { en: 'Identification', de: 'Nutzerkennung' },
  evse: { en: 'Charge point', de: 'Ladepunkt' },
  others: { en: 'What other programs would say', de: 'Was andere Programme sagen würden' },
  findings: { en: 'Findings', de: 'Befunde' },
  readings: { en: 'Readings', de: 'Zählerstände' },
  register: { en: 'Register', de: 'Register' },
  value: { en: 'Value', de: 'Wert' },
  time: { en: 'Time as signed', de: 'Zeit wie signiert' },
  status: { en: 'Status', de: 'Status' },
  court: { en: 'For the court: exact signed bytes, hash and key', de: 'Für das Gericht: genaue signierte Bytes, Prüfsumme und Schlüssel' },
  signedText: { en: 'Signed bytes as text', de: 'Signierte Bytes als Text' },
  signedHex: { en: 'Signed bytes, hexadecimal', de: 'Signierte Bytes, hexadezimal' },
  hash: { en: 'Hash', de: 'Prüfsumme' },
  algorithm: { en: 'Algorithm', de: 'Verfahren' },
  publicKey: { en: 'Public key (SubjectPublicKeyInfo)', de: 'Öffentlicher Schlüssel (SubjectPublicKeyInfo)' },
  signature: { en: 'Signature', de: 'Signatur' },
  noKey: {
    en: 'There is no public key: enter the one printed on the meter above.',
    de: 'Es fehlt der öffentliche Schlüssel: Geben Sie oben den auf dem Zähler aufgedruckten ein.',
  },
  more: { en: 'more are not shown: use `wattproof verify`', de: 'weitere werden nicht gezeigt: `wattproof verify` zeigt alle' },
  unreadable: { en: 'The file cannot be read.', de: 'Die Datei ist nicht lesbar.' },
} satisfies Record<string, Both>

export const COLOURS: Record<string, Both & { sign: string; tone: string }> = {
  green: { en: 'In order', de: 'In Ordnung', sign: '✓', tone: 'ok' },
  yellow: { en: 'In order, with reservations', de: 'In Ordnung, mit Vorbehalt', sign: '▲', tone: 'warn' },
  red: { en: 'Not in order', de: 'Nicht in Ordnung', sign: '✕', tone: 'bad' },
  grey: { en: 'Cannot be judged', de: 'Nicht zu beurteilen', sign: '?', tone: 'muted' },
}

export const SEVERITIES: Record<string, Both> = {
  error: { en: 'error', de: 'Fehler' },
  incomplete: { en: 'incomplete', de: 'unvollständig' },
  warning: { en: 'warning', de: 'Warnung' },
  info: { en: 'note', de: 'Hinweis' },
}

export const HINTS: Record<string, Both> = {
  would_verify_as_sha256: { en: 'It would verify with SHA-256.', de: 'Mit SHA-256 wäre sie gültig.' },
  would_verify_with_key_curve: { en: 'It would verify on the curve of the key.', de: 'Auf der Kurve des Schlüssels wäre sie gültig.' },
  would_verify_without_trailing_bytes: { en: 'It would verify without the bytes behind it.', de: 'Ohne die Bytes dahinter wäre sie gültig.' },
  would_verify_with_crlf: { en: 'It would verify with other line ends.', de: 'Mit anderen Zeilenenden wäre sie gültig.' },
  would_verify_as_latin1: { en: 'It would verify in ISO-8859-1.', de: 'In ISO-8859-1 wäre sie gültig.' },
  would_verify_with_other_key: { en: 'It would verify with the other key.', de: 'Mit dem anderen Schlüssel wäre sie gültig.' },
}

const MOMENTS: Record<string, Both> = {
  begin: { en: 'begin', de: 'Beginn' },
  intermediate: { en: 'between', de: 'zwischendurch' },
  end: { en: 'end', de: 'Ende' },
  exception: { en: 'exception', de: 'Ausnahme' },
  suspend: { en: 'suspended', de: 'unterbrochen' },
  tariff: { en: 'tariff change', de: 'Tarifwechsel' },
  fiscal: { en: 'fiscal', de: 'fiskalisch' },
}
export const moment = (name: string | null, language: Language): string => (name ? (MOMENTS[name]?.[language] ?? name) : '')

const SENTENCES: Record<string, Both> = { ...data.session, ...data.findings }
const ELSEWHERE = 'Dieses Format liest diese Seite nicht: `wattproof verify` liest es.'
/** What a finding says: its own English message, or the German sentence of its code with the values concerned. */
export function told(finding: { code: string; message: string; where: string }, language: Language): string {
  const german = finding.code === 'F-EXTRA' ? ELSEWHERE : SENTENCES[finding.code.split(':')[0]!]?.de
  const text = language === 'de' && german ? german : finding.message
  return finding.where ? `${text} (${finding.where})` : text
}

const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g
/** Text of a stranger: characters that are not seen, or that turn others around, are shown by their number. */
export const visible = (text: string): string => text.replace(HIDDEN, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
