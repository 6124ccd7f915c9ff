// What a profile says, and what it may look at: the record as written, its neighbours, its key as written. The tables stand
// in the package (data.json): codes, verdicts, sentences and their order; here are the conditions. Specification, 3.6.
import { fromBase32, fromBase64, fromHex, latin1, packed, stripped, trim } from '../bytes'
import { Num, Obj, scan, skipSpace, textOf, type Json } from '../json'
import type { SignedRecord } from '../records'

export type Predicted = 'valid' | 'invalid' | 'refused' | 'unknown'
export interface Prediction {
  verdict: Predicted
  reason: { code: string; text: string } | null
}
export const VALID: Prediction = { verdict: 'valid', reason: null }
export const UNKNOWN: Prediction = { verdict: 'unknown', reason: null }

/** One row of a table of the package. */
export interface Row {
  code: string
  verdict: string
  text: string
}
/** The conditions of a table, in its order. */
export type Conditions<T> = Record<string, (subject: T) => boolean | Promise<boolean>>

/** The prediction of the first row that applies. Conditions bear the code of their row; the second of a code, `CODE 2`. */
export async function first<T>(rows: Row[], conditions: Conditions<T>, subject: T): Promise<Prediction | null> {
  const seen = new Map<string, number>()
  for (const { code, verdict, text } of rows) {
    const number = (seen.get(code) ?? 0) + 1
    seen.set(code, number)
    const applies = conditions[number === 1 ? code : `${code} ${number}`]
    if (!applies) throw new Error(`no condition for ${code}`)
    if (await applies(subject)) return { verdict: verdict as Predicted, reason: { code, text } }
  }
  return null
}

export const has = (record: SignedRecord, ...codes: string[]): boolean => record.findings.some(({ code }) => codes.includes(code))
export const nested = (value: Json | undefined): boolean => Array.isArray(value) || value instanceof Obj

/** Whether a value is one of these texts, as it is written. */
export function lookedUp(value: Json | undefined, known: string[]): boolean {
  const text = textOf(value)
  return text !== null && known.includes(text)
}

const isRepeated = (fields: Obj): boolean =>
  fields.repeated.length > 0 ||
  [...fields.fields.values()].some((value) => (Array.isArray(value) ? value : [value]).some((item) => item instanceof Obj && isRepeated(item)))

/** An OCMF record as another program finds it: its sections, and its fields as written. */
export class OcmfText {
  readonly text: string
  readonly parts: string[]
  payload = new Obj()
  signature = new Obj()
  readable = false
  readonly repeated: boolean
  /** RD as it stands, `null` if it is no list; and the objects in it. */
  readonly entries: Json[] | null
  readonly readings: Obj[]

  constructor(readonly record: SignedRecord) {
    this.text = trim(record.text)
    this.parts = this.text.split('|')
    const found = section(this.text, this.text.indexOf('|') + 1)
    if (found) {
      this.payload = found.value
      const second = section(this.text, this.text.indexOf('|', found.end) + 1)
      if (second) {
        this.signature = second.value
        this.readable = true
      }
    }
    this.repeated = isRepeated(this.payload)
    const entries = this.payload.has('RD') ? this.payload.get('RD')! : []
    this.entries = Array.isArray(entries) ? entries : null
    this.readings = (this.entries ?? []).filter((item): item is Obj => item instanceof Obj)
  }

  /** A payload field as text; what is missing or no text gives nothing. */
  get(name: string): string {
    return textOf(this.payload.get(name)) ?? ''
  }
  get algorithm(): string {
    return this.signature.has('SA') ? (textOf(this.signature.get('SA')) ?? '') : 'ECDSA-secp256r1-SHA256'
  }
  /** SD decoded as SE says. */
  get signatureBytes(): Uint8Array | null {
    const text = textOf(this.signature.get('SD'))
    if (!text) return null
    const encoding = this.signature.get('SE')
    if (encoding === 'base64') return fromBase64(text)
    if (encoding === 'base32') return /[a-z]/.test(text) ? null : fromBase32(text)
    return /^(?:[ \t\n\v\f\r]*[0-9A-Fa-f]{2})*[ \t\n\v\f\r]*$/.test(text) ? fromHex(text.replace(/[ \t\n\v\f\r]+/g, '')) : null
  }
}

function section(text: string, at: number): { value: Obj; end: number } | null {
  try {
    const { value, end } = scan(text, skipSpace(text, at), true)
    return value instanceof Obj ? { value, end } : null
  } catch {
    return null
  }
}

/** A value as text where texts and numbers are compared as they are written. */
export const plain = (value: Json | undefined): Json => (value instanceof Num ? value.text : (value ?? null))

/** Contents of the first two INTEGERs of a definite-length SEQUENCE, whose lengths need not be in their shortest form. */
export function lenientIntegers(data: Uint8Array | null): { integers: [Uint8Array, Uint8Array]; trailing: boolean } | null {
  if (!data) return null
  const outer = element(data, 0)
  const one = outer?.tag === 0x30 ? element(data, outer.start) : null
  const two = one ? element(data, one.end) : null
  if (!outer || one?.tag !== 2 || two?.tag !== 2 || two.end > outer.end) return null
  return { integers: [data.subarray(one.start, one.end), data.subarray(two.start, two.end)], trailing: two.end < data.length }
}

function element(data: Uint8Array, at: number): { tag: number; start: number; end: number } | null {
  if (at + 2 > data.length || data[at + 1] === 0x80) return null
  let size = data[at + 1]!
  let start = at + 2
  if (size > 0x80) {
    start += size & 0x7f
    size = data.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0)
  }
  const end = start + size
  return end <= data.length ? { tag: data[at]!, start, end } : null
}

const SPKI = /^\x30[\x38-\x7f\x81-\x82][^]{0,3}?\x30[\x08-\x20]\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06/
const DECODERS = { base32: fromBase32, base64: fromBase64, hex: fromHex }

/** The SubjectPublicKeyInfo with named curve that a key text holds in one of the encodings. */
export function spkiIn(text: string, encodings: (keyof typeof DECODERS)[] = ['base32', 'base64', 'hex']): Uint8Array | null {
  const short = packed(text)
  for (const name of encodings) {
    const data = DECODERS[name](short)
    if (data && SPKI.test(latin1(data))) return data
  }
  return null
}

/** The text of the key that stands in the record's own value; not one that another value lends it. */
export const ownKey = (record: SignedRecord): string | null => (has(record, 'F-KEY-SHARED') ? null : record.stated.key)

/** All records of the document, the key that the user gave, and predictions that hold for a whole file or transaction. */
export class Surroundings {
  readonly known = new Map<string, Promise<Prediction>>()
  private readonly transactions = new Map<string, SignedRecord[]>()

  constructor(
    readonly records: SignedRecord[],
    private readonly trusted: string | null,
  ) {
    for (const record of records) {
      if (record.transaction === null) continue
      const group = this.transactions.get(record.transaction)
      if (group) group.push(record)
      else this.transactions.set(record.transaction, [record])
    }
  }

  /** The key as the program is given it: the one that stands beside the record, else the user's. */
  key(record: SignedRecord): string | null {
    return ownKey(record) ?? this.trusted
  }
  transaction(record: SignedRecord): SignedRecord[] {
    return record.transaction === null ? [record] : this.transactions.get(record.transaction)!
  }
  once(place: string, make: () => Promise<Prediction>): Promise<Prediction> {
    const found = this.known.get(place) ?? make()
    this.known.set(place, found)
    return found
  }
}

export const isBlankEnded = (data: Uint8Array): boolean => {
  const text = latin1(data)
  return stripped(text, ' \t\r\n').length !== text.length
}
