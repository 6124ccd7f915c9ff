// One BSM-WS36A snapshot as the JSON object of the charging-station container. The signed bytes are rebuilt from
// `additionalValues`; everything else in the object is an unsigned copy and is only compared. Specification, 2.10.
import { DEFAULT as P256_SHA256 } from './algorithms'
import { fromHex, fromLatin1, fromUtf8, joined, latin1, trim, utf8 } from './bytes'
import data from './data.json'
import { decimal, written, POWER } from './decimal'
import { Num, Obj, textOf, type Json } from './json'
import { finding, newRecord, stopped, unit, type Carrier, type KeyText, type Moment, type Reading, type SignedRecord, type Time, type Unit } from './records'
import { instant, isoInstant, timeText } from './times'

interface Field {
  name: string
  kind: 'number' | 'signed' | 'text'
  unit: number
  unavailable: number
}
const FIELDS = data.bsm.fields as Field[]
const CURRENT = data.bsm.current
const LEGACY = data.bsm.legacy
const EVENTS = data.bsm.events as Record<string, string>
const OBIS = data.bsm.obis as Record<string, string>
const WATT_HOUR = 30
const MOMENTS: Moment[] = ['intermediate', 'begin', 'end', 'begin', 'end']

interface Value {
  raw: number
  scale: number
}
type Signed = Value | Uint8Array

class Stop extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly where = '',
  ) {
    super(message)
  }
}

/** What the container states beside the snapshots; nothing of it is signed. */
export interface Surroundings {
  evse: string | null
  controllerVersion: string | null
}

/** The unit of one snapshot object; a snapshot that cannot be rebuilt stops as `format-error`. */
export function read(snapshot: Obj, carrier: Carrier, around: Surroundings, where: string): Unit {
  let values: Map<string, Signed>
  let order: string[]
  let signed: Uint8Array
  try {
    ;[values, order] = valuesOf(snapshot)
    signed = joined(...order.map((name) => piece(field(name)!, values.get(name)!)))
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop
    return stopped('BSM', stop.code, stop.message, carrier, { where: where + stop.where })
  }
  const text = snapshot.get('signature')
  const signature = typeof text === 'string' ? fromHex(text) : new Uint8Array()
  if (!signature) return stopped('BSM', 'F-SD', 'the signature is not hexadecimal', carrier, { where })
  if (!signature.length) return stopped('BSM', 'F-SD', 'the signature is missing or empty', carrier, { where: `${where}/signature` })
  const record = recordOf(values, carrier, signed)
  if (order === LEGACY) record.findings.push(finding('F-BSM-LEGACY', 'info', 'signed in the order of firmware before December 2020', where))
  compare(record, snapshot, values, around, where)
  const info = snapshot.get('meterInfo')
  const key = info instanceof Obj ? info.get('publicKey') : null
  const embedded: KeyText[] = typeof key === 'string' && trim(key) ? [{ text: key, source: 'embedded', encoding: 'hex' }] : []
  return unit(record, { signature, algorithm: P256_SHA256, keys: [...carrier.keys, ...embedded] })
}

const field = (name: string): Field | undefined => FIELDS.find((one) => one.name === name)
const inside = (value: Json | undefined, name: string): Json | undefined => (value instanceof Obj ? value.get(name) : undefined)

/** The signed values and their order; all of them, no others. Throws `Stop`. */
function valuesOf(snapshot: Obj): [Map<string, Signed>, string[]] {
  const entries = snapshot.get('additionalValues')
  if (!Array.isArray(entries)) throw new Stop('F-FORMAT', 'additionalValues, which hold the signed values, are missing')
  const values = new Map<string, Signed>()
  for (const [position, entry] of entries.entries()) {
    const where = `/additionalValues/${position}`
    const name = inside(inside(entry, 'measurand'), 'name')
    const found = typeof name === 'string' ? field(name) : undefined
    if (!found) continue // not signed: a value of another maker, never shown
    if (values.has(found.name)) throw new Stop('F-FORMAT', `the signed value ${found.name} occurs twice`, where)
    const measured = inside(entry, 'measuredValue')
    if (!(measured instanceof Obj)) throw new Stop('F-FORMAT', `${found.name} has no measuredValue`, where)
    values.set(found.name, found.kind === 'text' ? textValue(found, measured, where) : numberValue(found, measured, where))
  }
  const order = [...values.keys()].some((name) => name.includes('Chg')) ? LEGACY : CURRENT
  const missing = order.filter((name) => !values.has(name))
  if (missing.length) throw new Stop('F-FORMAT', `signed values are missing: ${missing.join(', ')}`, '/additionalValues')
  const unsigned = [...values.keys()].filter((name) => !order.includes(name))
  if (unsigned.length) throw new Stop('F-FORMAT', `${unsigned.join(', ')} is not among the values that are signed`, '/additionalValues')
  return [values, order]
}

/** A JSON integer of moderate size, `null` for everything else. */
const integer = (value: Json | undefined): number | null =>
  value instanceof Num && /^-?[0-9]{1,12}$/.test(value.text) ? Number(value.text) || 0 : null

function numberValue({ name, unavailable }: Field, measured: Obj, where: string): Value {
  const stated = measured.get('value') ?? null
  const scaled = measured.get('scale') ?? null
  const scale = scaled === null ? 0 : integer(scaled)
  const raw = stated === null ? unavailable : integer(stated)
  if (raw === null || scale === null) throw new Stop('F-FORMAT', `${name} is no integer, or its scale is none`, where)
  return { raw, scale }
}

function textValue({ name }: Field, measured: Obj, where: string): Uint8Array {
  const text = measured.get('value') ?? ''
  const named = measured.get('valueEncoding') ?? 'UTF-8'
  if (typeof text !== 'string') throw new Stop('F-FORMAT', `${name} is no text`, where)
  const encoding = typeof named === 'string' ? named.toUpperCase() : ''
  if (encoding === 'UTF-8') return utf8(text)
  if (encoding !== 'ISO-8859-1') throw new Stop('F-BSM-ENCODING', `${name} is in an encoding other than ISO-8859-1 and UTF-8`, where)
  if (/[^\0-\xff]/.test(text)) throw new Stop('F-BSM-ENCODING', `${name} cannot be expressed in ${encoding}`, where)
  return fromLatin1(text)
}

/** The bytes that one value adds to the hash. */
function piece({ name, kind, unit: code }: Field, value: Signed): Uint8Array {
  const head = new DataView(new ArrayBuffer(4))
  if (value instanceof Uint8Array) {
    head.setUint32(0, value.length)
    return joined(new Uint8Array(head.buffer), value)
  }
  const { raw, scale } = value
  const fits = kind === 'signed' ? raw >= -0x80000000 && raw <= 0x7fffffff : raw >= 0 && raw <= 0xffffffff
  if (!fits || scale < -128 || scale > 127)
    throw new Stop('F-FORMAT', `${name} = ${raw} x 10^${scale} does not fit 32 bits of value and 8 bits of scale`)
  head.setUint32(0, raw >>> 0)
  return joined(new Uint8Array(head.buffer), Uint8Array.of(scale & 0xff, code))
}

/** A signed number, `null` if the meter had no value. Energy has no such mark: 0 is a value. */
function available(name: string, { raw }: Value): number | null {
  return raw === field(name)!.unavailable && name !== 'RCR' && name !== 'TotWhImp' ? null : raw
}

function recordOf(values: Map<string, Signed>, carrier: Carrier, signed: Uint8Array): SignedRecord {
  const numbers: Record<string, number | null> = {}
  const texts: Record<string, string> = {}
  for (const [name, value] of values)
    if (value instanceof Uint8Array) texts[name] = fromUtf8(value) ?? latin1(value)
    else numbers[name] = available(name, value)
  const { MA1: serial = '', Meta1 = '' } = texts
  const { RCnt: page = null, Epoch: epoch = null, TZO: stated = null, Evt: event = null, Typ: code = null } = numbers
  const offset = stated === null || Math.abs(stated) >= 1440 ? null : stated // no zone; the epoch is UTC all the same
  const time: Time | null = epoch === null ? null : { seconds: epoch, offset, milliseconds: 0, utc: offset === null }
  const shown = epoch === null || offset === null ? null : timeText(time)
  const readings: Reading[] = []
  const findings = [...carrier.findings]
  for (const name of ['RCR', 'TotWhImp']) {
    const value = values.get(name)
    if (!value || value instanceof Uint8Array) continue
    const inRange = Math.abs(value.scale) <= POWER
    const exact = inRange ? decimal(value.raw, value.scale) : null
    if (!inRange) findings.push(finding('F-RV-RANGE', 'error', `${value.raw} x 10^${value.scale} is out of range`, `/additionalValues/${name}`))
    readings.push({
      moment: code === null ? null : (MOMENTS[code] ?? null),
      code: code === null ? null : String(code),
      register: OBIS[name]!,
      value: exact,
      literal: exact ? written(exact) : `${value.raw}e${value.scale}`,
      unit: 'Wh',
      time,
      timeText: shown,
      clock: epoch === null ? 'U' : 'S',
      status: event === 0 ? 'G' : status(event),
      errorFlags: null,
      eventCounter: null,
      loss: null,
      valueError: false,
      event: false,
    })
  }
  return newRecord('BSM', carrier, {
    text: [...values.keys()].map((name) => `${name}: ${name in numbers ? (numbers[name] ?? 'None') : texts[name]}`).join('\n'),
    signed,
    findings,
    readings,
    meterSerial: serial,
    identification: Meta1,
    evse: tagged(texts, 'evse-id: '),
    page: page === null ? null : BigInt(page),
    pageText: page === null ? null : String(page),
    identityTexts: serial ? [serial] : [],
    numbers,
    metadata: texts,
  })
}

function status(event: number | null): string {
  if (event === null) return 'no event state'
  const names = Object.keys(EVENTS).filter((bit) => (event >>> Number(bit)) & 1).map((bit) => EVENTS[bit])
  return names.join(', ') || `event bits 0x${event.toString(16)}`
}

const METADATA = ['Meta1', 'Meta2', 'Meta3']
/** What follows a tag such as `evse-id: ` at the start of one of the metadata. */
function tagged(texts: Record<string, string>, tag: string): string | null {
  const name = METADATA.find((one) => texts[one]?.startsWith(tag))
  return name ? trim(texts[name]!.slice(tag.length)) : null
}

/** Notes every unsigned copy that contradicts its signed value; missing copies say nothing. */
function compare(record: SignedRecord, snapshot: Obj, values: Map<string, Signed>, around: Surroundings, where: string): void {
  const said = record.unsignedMismatches
  const page = record.pageText ?? '-'
  const get = (name: string): Json => snapshot.get(name) ?? null
  const measurement = get('measurementId')
  if (measurement !== null && textOf(measurement) !== page) said.push(`${where}/measurementId`)
  const name = get('@id')
  if (name !== null && !(typeof name === 'string' && name.endsWith(`-${page}`))) said.push(`${where}/@id`)
  const stated = get('time')
  if (stated !== null && !sameTime(stated, record.readings[0]!.time)) said.push(`${where}/time`)
  const meter = copy(get('meterInfo'), 'meterId')
  if (meter !== null && textOf(meter) !== record.meterSerial) said.push(`${where}/meterInfo/meterId`)
  if (!sameValue(copy(get('value'), 'measuredValue'), values.get('RCR'))) said.push(`${where}/value`)
  if (!sameContract(get('contract'), record.metadata)) said.push(`${where}/contract`)
  if (around.evse && record.evse && record.evse !== 'unknown' && around.evse !== 'unknown') record.evseMismatch = record.evse !== around.evse
  const version = tagged(record.metadata, 'csc-sw-version: ')
  if (version && around.controllerVersion && version !== around.controllerVersion) {
    const message = `the controller's version is stated as '${around.controllerVersion.slice(0, 64)}', signed is another`
    record.findings.push(finding('F-UNSIGNED-DIFFERS', 'info', message, 'controllerSoftwareVersion'))
  }
}

/** What an object of the snapshot states; something else in its place is a statement too, and a wrong one. */
const copy = (holder: Json, name: string): Json => (holder instanceof Obj ? (holder.get(name) ?? null) : holder)

function sameTime(stated: Json, signed: Time | null): boolean {
  if (typeof stated !== 'string' || !signed || stated.length > 40) return false
  const found = isoInstant(stated)
  if (!found) return false
  return (signed.offset === null || found.offset === signed.offset * 60) && found.milliseconds === instant(signed)
}

function sameValue(measured: Json, signed: Signed | undefined): boolean {
  if (!(measured instanceof Obj)) return measured === null
  if (!signed || signed instanceof Uint8Array) return true // the older order signs no RCR
  const scale = measured.get('scale') ?? null
  const code = measured.get('unitEncoded') ?? null
  const word = measured.get('unit') ?? null
  return (
    integer(measured.get('value')) === signed.raw &&
    (scale === null ? 0 : integer(scale)) === signed.scale &&
    (code === null || integer(code) === WATT_HOUR) &&
    (word === null || textOf(word) === 'WATT_HOUR')
  )
}

function sameContract(contract: Json, texts: Record<string, string>): boolean {
  if (!(contract instanceof Obj)) return contract === null
  const [kind, id] = [contract.get('type') ?? null, contract.get('id') ?? null]
  if (id === null) return true
  const text = kind === null ? `contract-id: ${plain(id)}` : `contract-id: ${plain(kind)}:${plain(id)}`
  return METADATA.some((name) => trim(texts[name] ?? '') === text)
}

/** A value inside a sentence; lists and objects equal nothing that is signed. */
const plain = (value: Json): string => textOf(value) ?? (value === true ? 'True' : value === false ? 'False' : '\0')
