// The nouns that parsers, rules and page share.
import type { Decimal } from './decimal'
import type { Predictions } from './profiles'

export type Severity = 'error' | 'incomplete' | 'warning' | 'info'
export type Verdict = 'valid' | 'invalid' | 'no-key' | 'key-error' | 'unsupported' | 'format-error'
export type KeySource = 'trusted' | 'container' | 'embedded'
export type Moment = 'begin' | 'intermediate' | 'end' | 'exception' | 'suspend' | 'tariff' | 'fiscal'
export type Colour = 'green' | 'yellow' | 'red' | 'grey'

export interface Finding {
  code: string
  severity: Severity
  message: string
  where: string
}
export const finding = (code: string, severity: Severity, message: string, where = ''): Finding => ({ code, severity, message, where })

/** Findings of one record that are listed; hostile input can give rise to any number. */
export const MOST_FINDINGS = 100
const GRAVEST_FIRST: Severity[] = ['error', 'incomplete', 'warning', 'info']

/** Shortens a long list: the first hundred stay, one more counts the others and is as grave as they are. */
export function limit(findings: Finding[]): void {
  const others = findings.splice(MOST_FINDINGS)
  if (!others.length) return
  const gravest = GRAVEST_FIRST.find((severity) => others.some((one) => one.severity === severity))!
  findings.push(finding('F-MORE', gravest, `${others.length} more findings are not listed`))
}

/** `seconds` since 1970 (UTC), `offset` in minutes east, `null` where the source has no zone; `utc`: shown with Z. */
export interface Time {
  seconds: number
  offset: number | null
  milliseconds: number
  utc: boolean
}

export interface Reading {
  moment: Moment | null
  code: string | null
  register: string | null
  value: Decimal | null
  literal: string | null
  unit: string | null
  time: Time | null
  timeText: string | null
  clock: string | null
  status: string | null
  errorFlags: string | null
  eventCounter: bigint | null
  loss: Decimal | null
  valueError: boolean
  /** States neither value nor register nor unit itself. */
  event: boolean
}

export interface Signature {
  verdict: Verdict
  reason: string | null
  hints: string[]
  algorithm: string | null
  publicKey: Uint8Array | null
  keySource: KeySource | null
  testKey: boolean
}
export const judged = (verdict: Verdict, reason: string | null = null): Signature => ({
  verdict,
  reason,
  hints: [],
  algorithm: null,
  publicKey: null,
  keySource: null,
  testKey: false,
})

export interface SignedRecord {
  format: string
  container: string
  source: string
  index: number
  text: string
  signed: Uint8Array
  signature: Signature
  findings: Finding[]
  readings: Reading[]
  gatewaySerial: string | null
  gatewayModel: string | null
  meterSerial: string | null
  meterModel: string | null
  firmware: (string | null)[]
  identification: string | null
  assigned: boolean | null
  assignmentLevel: string | null
  evse: string | null
  tariff: string | null
  pageLetter: string | null
  page: bigint | null
  pageText: string | null
  ambiguous: string[]
  identityTexts: string[]
  context: string | null
  transaction: string | null
  session: string | null
  unsignedMismatches: string[]
  evseMismatch: boolean
  /** What a BSM signs beside its registers. */
  numbers: Record<string, number | null>
  metadata: Record<string, string>
  /** What stands around the record, for predictions of other programs: label and encoding, its key and the key's encoding. */
  stated: { label: string | null; encoding: string | null; key: string | null; keyEncoding: string | null }
  /** What other programs would say, if the record belongs to no session. */
  profiles: Predictions
  /** For the court: the bytes of the signature, and the hash over the signed bytes. */
  signatureBytes: Uint8Array
  hash: string
}

export interface KeyText {
  text: string
  source: KeySource
  encoding: string | null
}

/** What the surroundings of a record say about it; nothing of this is signed. */
export interface Carrier {
  container: string
  source: string
  keys: KeyText[]
  label: string | null
  encoding: string | null
  transaction: string | null
  context: string | null
  session: string | null
  textEncoding: string | null
  findings: Finding[]
}
export const carrier = (stated: Partial<Carrier> = {}): Carrier => ({
  container: 'none',
  source: '',
  keys: [],
  label: null,
  encoding: null,
  transaction: null,
  context: null,
  session: null,
  textEncoding: null,
  findings: [],
  ...stated,
})

export function newRecord(format: string, inside: Carrier, stated: Partial<SignedRecord> = {}): SignedRecord {
  const key = inside.keys[0]
  return {
    format,
    container: inside.container,
    source: inside.source,
    index: 0,
    text: '',
    signed: new Uint8Array(),
    signature: judged('format-error', 'F-FORMAT'),
    findings: [...inside.findings],
    readings: [],
    gatewaySerial: null,
    gatewayModel: null,
    meterSerial: null,
    meterModel: null,
    firmware: [],
    identification: null,
    assigned: null,
    assignmentLevel: null,
    evse: null,
    tariff: null,
    pageLetter: null,
    page: null,
    pageText: null,
    ambiguous: [],
    identityTexts: [],
    context: inside.context,
    transaction: inside.transaction,
    session: inside.session,
    unsignedMismatches: [],
    evseMismatch: false,
    numbers: {},
    metadata: {},
    stated: { label: inside.label, encoding: inside.encoding, key: key?.text ?? null, keyEncoding: key?.encoding ?? null },
    profiles: {},
    signatureBytes: new Uint8Array(),
    hash: 'sha256',
    ...stated,
  }
}

import type { Curve } from './curves'

/** How a record was signed. Without `curve` the key decides it. */
export interface Algorithm {
  name: string | null
  method: 'ECDSA' | 'Ed25519' | 'Ed448'
  curve: Curve | null
  hash: string
}

/** Another reading of the same input, tried only if the first does not verify. */
export interface Alternative {
  signed: Uint8Array
  finding: Finding
  record: SignedRecord | null
}

/** `raw`: r and s side by side are accepted; the deviation is then a finding. */
export interface Unit {
  record: SignedRecord
  signature: Uint8Array
  algorithm: Algorithm | null
  keys: KeyText[]
  raw: boolean
  alternatives: Alternative[]
}

/** A record that a container holds as text, to be recognised by its content. */
export interface Enclosed {
  content: Uint8Array
  carrier: Carrier
  decoded: Uint8Array | null
}
export type Item = Unit | Enclosed
export const isUnit = (item: Item): item is Unit => 'record' in item

/** A unit at which a parser had to stop, with the finding that says why. */
export function stopped(
  format: string,
  code: string,
  message: string,
  inside: Carrier,
  more: { where?: string; text?: string; verdict?: Verdict; reason?: string; severity?: Severity } = {},
): Unit {
  const record = newRecord(format, inside, { text: more.text ?? '' })
  record.signature = judged(more.verdict ?? 'format-error', more.reason ?? code)
  record.findings.push(finding(code, more.severity ?? 'error', message, more.where ?? ''))
  return unit(record)
}

export const unit = (record: SignedRecord, stated: Partial<Unit> = {}): Unit => ({
  record,
  signature: new Uint8Array(),
  algorithm: null,
  keys: [],
  raw: false,
  alternatives: [],
  ...stated,
})
