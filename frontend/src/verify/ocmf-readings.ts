// The readings of an OCMF payload, each completed by what it inherits from the one before. Specification, 1.3 to 1.6.
import { exact, isRefused, type Decimal } from './decimal'
import { Num, Obj, textOf, type Json } from './json'
import { classify, tokens } from './obis'
import { length, vendor } from './ocmf-fields'
import { finding, type Finding, type Moment, type Reading, type Severity } from './records'
import { parse, UNREADABLE, type Stamp } from './times'

const MOMENTS: Record<string, Moment> = {
  B: 'begin', C: 'intermediate', X: 'exception', E: 'end', L: 'end', R: 'end', A: 'end', P: 'end', S: 'suspend', T: 'tariff',
}
const moments = (code: string): Moment | null => (Object.hasOwn(MOMENTS, code) ? MOMENTS[code]! : null)
const KNOWN = new Set('TM TX RV RI RU RT CL EF ST'.split(' '))

type Fields = Map<string, Json>
const badRegister = (value: Json): boolean =>
  typeof value !== 'string' || length(value) > 64 || tokens(value) === null || classify(value).reserved
const oneOf =
  (...words: string[]) =>
  (value: Json): boolean =>
    typeof value !== 'string' || !words.includes(value)

/** Texts of closed lists: key, code, severity, message, whether the value deviates. */
const LISTS: [string, string, Severity, string, (value: Json) => boolean][] = [
  ['TX', 'F-TX', 'warning', 'not a reason of OCMF', oneOf(...Object.keys(MOMENTS))],
  ['RI', 'F-RI', 'warning', 'no OBIS code, or one that OCMF reserves', badRegister],
  ['RT', 'F-RT', 'warning', 'not AC or DC', oneOf('AC', 'DC')],
  ['EF', 'F-EF', 'warning', 'flags other than E and t', (value) => typeof value !== 'string' || /[^Et]/.test(value)],
  ['ST', 'F-ST', 'warning', 'not a meter status of OCMF', oneOf(...'NGTDRMXIOSEF')],
  ['RU', 'F-RU', 'info', 'not a unit of OCMF, not billable', oneOf('kWh', 'Wh', 'mOhm', 'uOhm')],
]

/** The readings in order. `fiscal`: the page letter is F, readings have no reason. */
export function read(entries: Json[], version: number, fiscal: boolean, findings: Finding[]): Reading[] {
  const readings: Reading[] = []
  let before: Fields = new Map()
  for (const [position, entry] of entries.entries()) {
    const where = `/RD/${position}`
    if (!(entry instanceof Obj)) {
      findings.push(finding('F-READING', 'error', 'no object', where))
      continue
    }
    checkKeys(entry, version, where, findings)
    const state: Fields = new Map([...before, ...entry.fields])
    readings.push(reading(entry, state, version, fiscal, where, findings))
    before = state
    if (position === 0) checkFirst(entry, where, findings)
  }
  return readings
}

function checkFirst(entry: Obj, where: string, findings: Finding[]): void {
  const missing = ['TM', 'ST'].filter((key) => !entry.has(key))
  if (entry.has('RV') && !entry.has('RU')) missing.push('RU')
  if (missing.length) findings.push(finding('F-READING', 'error', `the first reading lacks ${missing.join(', ')} and has none to inherit from`, where))
}

/** Only what a reading states itself is checked, not what it inherits. */
function checkKeys(entry: Obj, version: number, where: string, findings: Finding[]): void {
  for (const key of entry.fields.keys())
    if (!KNOWN.has(key) && !vendor(key) && !(key === 'EI' && version < 5))
      findings.push(finding('F-KEY-UNKNOWN', 'info', 'OCMF does not define this key', `${where}/${[...key].slice(0, 64).join('')}`))
  for (const [key, code, severity, message, bad] of LISTS)
    if (entry.has(key) && bad(entry.get(key)!)) findings.push(finding(code, severity, message, `${where}/${key}`))
}

function reading(entry: Obj, state: Fields, version: number, fiscal: boolean, where: string, findings: Finding[]): Reading {
  if (entry.has('RV') && state.has('RI') !== state.has('RU')) findings.push(finding('F-RI-RU', 'warning', 'RI and RU come together', where))
  let stamp: Stamp = { time: null, clock: null, exact: true }
  const stated = state.get('TM')
  if (stated !== undefined) {
    stamp = typeof stated === 'string' ? parse(stated) : UNREADABLE
    if (!stamp.exact && entry.has('TM')) {
      const message = stamp.time === null ? 'the time cannot be read' : 'the time deviates from its format'
      findings.push(finding('F-TM', 'warning', message, `${where}/TM`))
    }
  }
  const code = textOf(state.get('TX'))
  const { value, literal, valueError } = valueOf(entry, where, findings)
  const counter = entry.get('EI')
  return {
    moment: code !== null ? moments(code) : fiscal ? 'fiscal' : null,
    code,
    register: textOf(state.get('RI')),
    value,
    literal,
    unit: textOf(state.get('RU')),
    time: stamp.time,
    timeText: textOf(stated),
    clock: stamp.clock,
    status: textOf(state.get('ST')),
    errorFlags: textOf(state.get('EF')),
    eventCounter: version < 5 && counter instanceof Num && /^[0-9]{1,20}$/.test(counter.text) ? BigInt(counter.text) : null,
    loss: entry.has('CL') ? lossOf(entry.get('CL')!, where, findings) : null,
    valueError,
    event: !entry.has('RV') && !entry.has('RI') && !entry.has('RU'),
  }
}

function valueOf(entry: Obj, where: string, findings: Finding[]): Pick<Reading, 'value' | 'literal' | 'valueError'> {
  const stated = entry.get('RV')
  if (stated === undefined) return { value: null, literal: null, valueError: false }
  const literal = textOf(stated)
  if (literal === null) {
    findings.push(finding('F-RV', 'error', 'the value is no number', `${where}/RV`))
    return { value: null, literal, valueError: true }
  }
  if (typeof stated === 'string') findings.push(finding('F-RV-STRING', 'warning', 'the value is a text instead of a number', `${where}/RV`))
  const value = exact(literal)
  if (!isRefused(value)) return { value, literal, valueError: false }
  findings.push(finding(value.code, 'error', value.message, `${where}/RV`))
  return { value: null, literal, valueError: true }
}

function lossOf(stated: Json, where: string, findings: Finding[]): Decimal | null {
  const literal = textOf(stated)
  const found = literal === null ? null : exact(literal)
  const value = found === null || isRefused(found) ? null : found
  if (value === null || !(stated instanceof Num) || value.units < 0n)
    findings.push(finding('F-CL', 'warning', 'the accumulated loss is no plain number from 0', `${where}/CL`))
  return value
}
