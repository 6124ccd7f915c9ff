// Predicts Chargy core 0.12: tables "container", "OCMF" and, for BSM snapshots, "other formats". Specification, 3.6.
import { latin1, packed } from '../bytes'
import data from '../data.json'
import { Num, Obj, textOf, type Json } from '../json'
import type { Finding, SignedRecord } from '../records'
import {
  first, has, isBlankEnded, lenientIntegers, lookedUp, OcmfText, ownKey, plain, spkiIn, UNKNOWN, VALID,
  type Conditions, type Prediction, type Surroundings,
} from './prediction'

const { tables, group } = data.profiles['chargy-0.12']
const { labels, versions, algorithms, missingCurves, groupedBy, texts: TEXTS, codes, broken } = data.profiles['chargy-0.12'].lists
const INHERITED = ['TM', 'TX', 'RI', 'RU', 'RT', 'EF', 'ST']

/** The verdict for a session; all values of one file are one session there. */
export async function predict(records: SignedRecord[], findings: Finding[], surroundings: Surroundings): Promise<Prediction> {
  const [record] = records as [SignedRecord]
  if (record.format === 'BSM') return (await first(tables.bsm, BSM, { records, findings })) ?? VALID
  if (record.format !== 'OCMF') return UNKNOWN
  return surroundings.once('chargy', () => judged(surroundings.records.filter(({ format }) => format === 'OCMF')))
}

async function judged(values: SignedRecord[]): Promise<Prediction> {
  const refused = await first(tables.container, CONTAINER, values)
  if (refused) return refused
  const texts = values.map((value) => new OcmfText(value))
  const groups = new Map<string, OcmfText[]>()
  for (const text of texts) {
    const name = JSON.stringify(groupedBy.map((key) => comparable(text.payload.get(key))))
    groups.set(name, [...(groups.get(name) ?? []), text])
  }
  if (groups.size > 1 && new Set(values.map(({ transaction }) => transaction)).size > 1)
    return { verdict: 'refused', reason: group }
  const [shown] = groups.values() // only the first group is shown
  for (const text of shown!) {
    const found = await first(tables.record, RECORD, text)
    if (found) return found
    if (text.record.signature.verdict === 'format-error') return UNKNOWN
  }
  return (await first(tables.session, SESSION, shown!)) ?? VALID
}

const comparable = (value: Json | undefined): unknown =>
  value instanceof Obj
    ? [...value.fields].map(([key, item]) => [key, comparable(item)])
    : Array.isArray(value)
      ? { list: value.map(comparable) }
      : plain(value)

const CONTAINER: Conditions<SignedRecord[]> = {
  'P-C-MIXED': (records) => records[0]!.container === 'SAFE-XML' && new Set(records.map(stated)).size > 1,
  'P-C-LABEL': (records) => records[0]!.container === 'SAFE-XML' && records.some((one) => !labels.includes((one.stated.label ?? '').toLowerCase())),
  'P-C-OCPP': (records) => ['OCPP-1.6', 'OCPP-2.0.1', 'JSONL', 'CSV', 'PARQUET'].includes(records[0]!.container),
}

function stated(record: SignedRecord): string {
  const key = ownKey(record)
  const { label, encoding, keyEncoding } = record.stated
  return JSON.stringify([label, encoding, key === null ? null : packed(key), key === null ? null : keyEncoding])
}

// -- OCMF record

/** Curly brackets, counted without regard to texts. */
function unbalanced({ text, readable }: OcmfText): boolean {
  let depth = 0
  for (const one of text.slice(text.indexOf('{'))) {
    if (one === '{') depth++
    else if (one === '}' && --depth < 0) return true
  }
  return depth !== 0 || !readable
}

function keyUnreadable({ record }: OcmfText): boolean {
  const { verdict, reason, keySource } = record.signature
  if (verdict === 'key-error' && reason === 'V-KEY-ENCODING') return true
  if (keySource === 'trusted' || record.stated.key === null) return false
  const found = spkiIn(record.stated.key, ['hex', 'base32', 'base64'])
  return !found || !latin1(found).includes('\0\x04')
}

function fields(text: OcmfText): boolean {
  const { payload } = text
  if (!/^[TtFf]\p{Nd}/u.test(text.get('PG')) || !(text.get('MS') || text.get('GS'))) return true
  const assigned = payload.get('IS') ?? null
  if (assigned === null || assigned === '' || !text.readings.length) return true
  return TEXTS.some((name) => payload.has(name) && typeof payload.get(name) !== 'string')
}

type Reading = Map<string, Json>
/** Readings with what they inherit; those that still lack something needed are left out. */
function readings(text: OcmfText): Reading[] {
  let before: Reading = new Map()
  const found: Reading[] = []
  for (const reading of text.readings) {
    const whole = new Map([...[...before].filter(([name]) => INHERITED.includes(name)), ...reading.fields])
    before = whole
    if (['TM', 'RV', 'RU', 'ST'].every((name) => (whole.get(name) ?? null) !== null)) found.push(whole)
  }
  return found
}

/** Date, one blank and one of the states of a clock. */
const isStamp = (text: string): boolean => / [UISR]$/.test(text) && text.length > 2 && packed(text.slice(0, -2)) === text.slice(0, -2)

const readingRefused = (text: OcmfText): boolean =>
  readings(text).some(
    (one) =>
      !isStamp(textOf(one.get('TM')) ?? '') ||
      (one.has('TX') && !lookedUp(one.get('TX'), codes)) ||
      !['kWh', 'Wh', 'mOhm', 'uOhm'].includes(one.get('RU') as string) ||
      (one.has('RT') && !['AC', 'DC'].includes(one.get('RT') as string)),
  )

const RECORD: Conditions<OcmfText> = {
  'P-C-SPLIT': unbalanced,
  'P-C-JSON': ({ record }) => has(record, 'F-JSON-CTRL'),
  'P-C-FV': ({ payload }) => payload.has('FV') && (payload.get('FV') instanceof Num || !lookedUp(payload.get('FV'), versions)),
  'P-C-SA': ({ signature, algorithm }) => signature.has('SA') && !algorithms.includes(algorithm),
  'P-C-CURVE': ({ algorithm }) => missingCurves.some((name) => algorithm.replace(/^ECDSA-/, '').startsWith(name)),
  'P-C-NOKEY': ({ record: { signature } }) => signature.verdict === 'no-key' || signature.keySource === 'embedded',
  'P-C-KEY': keyUnreadable,
  'P-C-SE': ({ signature }) => !['', 'hex', 'base64'].includes(String(plain(signature.get('SE')) || '').toLowerCase()),
  'P-C-SIG': ({ signatureBytes }) => lenientIntegers(signatureBytes) === null,
  'P-C-SIG 2': ({ signatureBytes }) => lenientIntegers(signatureBytes)!.trailing,
  'P-C-HASH': ({ record }) => record.signature.verdict !== 'valid' || (isBlankEnded(record.signed) && !has(record, 'F-PAYLOAD-TRIM')),
  'P-C-FIELD': fields,
  'P-C-READING': readingRefused,
}

const SESSION: Conditions<OcmfText[]> = {
  'P-C-TWO'(texts) {
    const registers = texts.flatMap(readings).map((one) => JSON.stringify(comparable(one.get('RI'))))
    const last = [...new Set(registers)].at(-1)
    return registers.filter((one) => one === last).length < 2
  },
}

// -- BSM snapshots

const BSM: Conditions<{ records: SignedRecord[]; findings: Finding[] }> = {
  'P-C-BSM': ({ records }) => records.some(({ signature }) => signature.verdict !== 'valid'),
  'P-C-BSM 2'({ records, findings }) {
    const gap = records.some(({ page }, at) => page === null || (at > 0 && page - records[at - 1]!.page! !== 1n))
    return records.length < 2 || gap || findings.some(({ code }) => broken.includes(code))
  },
}
