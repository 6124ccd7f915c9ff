// The rules of a charging session: each check says which codes it raises. Severities and sentences are those of the Python
// verifier (data.json). Specification, 3.2.
import { hex } from './bytes'
import data from './data.json'
import { absolute, compare, decimal, minus, times, written, type Decimal } from './decimal'
import { classify } from './obis'
import { finding, type Finding, type Reading, type Severity, type SignedRecord, type Time } from './records'
import { isEnergyUnit, isEvent, type Register } from './registers'
import { BEGIN, END, type Session } from './sessions'
import { instant } from './times'

const SESSION = data.session as Record<string, { severity: Severity; en: string; de: string }>
const POSITIONS = Object.keys(SESSION)
const WEIGHTS: Record<Severity, number> = { info: 0, warning: 1, incomplete: 2, error: 3 }
const FAILED_LEVELS = ['MISMATCH', 'INVALID', 'OUTDATED', 'UNKNOWN']
const EARLIEST = 1_420_070_400 // 2015-01-01T00:00:00Z
const DAY = 86_400
const ZONES = 14 * 3600
const ENERGY_WH = decimal(500_000)
const POWER_W = 1_000_000
const HOUR = 3_600_000
const BSM_AGREEMENT = decimal(10)

/** Raises one code. Without `severity` that of the code counts. */
type Say = (code: string, detail?: string, severity?: Severity) => void
/** `now`: Unix seconds of the moment of checking. */
export interface Moment {
  now: number
}
type Check = (session: Session, say: Say, moment: Moment) => void

const pairs = <T>(items: T[]): [T, T][] => items.slice(1).map((item, at) => [items[at]!, item])

// -- completeness

const bounds: Check = ({ energy, readings, informative, billing }, say) => {
  if (!energy.size) {
    if (readings.some((reading) => !isEvent(reading))) say('S-NO-ENERGY', [...informative.keys()].filter(Boolean).join(', '))
    else {
      say('S-BEGIN-MISSING')
      say('S-END-MISSING')
    }
    return
  }
  const registers = [...energy.values()]
  for (const register of registers) boundsOf(register, say)
  if (!billing && registers.some(({ begins }) => begins.length) && registers.some(({ ends }) => ends.length))
    say('S-OBIS-MISMATCH', registers.map((register) => register.readings[0]!.register).join(', '))
  if (registers.every(({ kind }) => kind.direction === 'export')) say('S-EXPORT-ONLY')
}

function boundsOf({ readings, begins, ends }: Register, say: Say): void {
  const name = String(readings[0]!.register)
  if (!begins.length) say('S-BEGIN-MISSING', name)
  else if (begins.length > 1) say('S-BEGIN-MULTIPLE', name)
  if (!ends.length) say('S-END-MISSING', name)
  else if (ends.length > 1) say('S-END-MULTIPLE', name)
  if (begins.length && begins[0]! > 0) say('S-BEGIN-NOT-FIRST', name)
  if (ends.length && ends.at(-1)! < readings.length - 1) say('S-END-NOT-LAST', name)
}

const snapshotOrder: Check = ({ counted }, say) => {
  if (!counted[0]!.begins) say('S-BEGIN-MISSING', 'first snapshot')
  if (!counted.at(-1)!.ends) say('S-END-MISSING', 'last snapshot')
}

const labels: Check = ({ counted, entries }, say) => {
  if (counted.length === 1) {
    const { context } = counted[0]!.record
    const alone = !entries.some((entry) => entry.redundant)
    if (alone && counted[0]!.complete && (context === BEGIN || context === END)) say('S-CONTEXT-IGNORED', context)
    return
  }
  for (const { record, begins, ends } of counted)
    if ((record.context === BEGIN && ends) || (record.context === END && begins)) say('S-CONTEXT', record.context!)
}

const repetitions: Check = ({ entries }, say) => {
  for (const entry of entries) {
    const page = entry.record.pageText ?? ''
    if (entry.duplicate) say('S-DUPLICATE', page)
    else if (entry.shared) say('S-DUPLICATE', `${page} in another charging session`.trimStart())
    else if (entry.redundant) say('S-BEGIN-REDUNDANT', page)
    if (entry.repeated) say('S-REPEATED', page)
  }
}

const reasons: Check = ({ readings }, say) => {
  for (const { moment, code, errorFlags, timeText } of readings) {
    if (moment === 'end' && (code === 'A' || code === 'P')) say('S-END-ABNORMAL', `TX ${code}`)
    else if (moment === 'exception') say('S-EXCEPTION', timeText ?? '', errorFlags === 't' ? 'warning' : 'error')
    else if (moment === 'tariff') say('S-TARIFF-SWITCH', timeText ?? '')
  }
}

const fiscal: Check = (session, say) => {
  if (session.fiscal) say('S-FISCAL', session.counted[0]!.record.pageText ?? '')
}

// -- pagination and origin

const pages: Check = (session, say) => {
  const entries = session.entries.filter((entry) => !entry.duplicate)
  for (const { record } of entries) if (record.page === null) say('S-PAGE-FORMAT', record.pageText ?? '')
  if (entries.length === 1) return
  const numbered = entries.filter(({ record }) => record.page !== null)
  if (new Set(numbered.map(({ record }) => record.pageLetter)).size > 1) {
    say('S-PAGE-CONTEXT', entries.map(({ record }) => record.pageText || '?').join(', '))
    return
  }
  for (const [before, after] of pairs(numbered)) {
    const step = after.record.page! - before.record.page!
    if (step === 1n) continue
    const detail = `${before.record.pageText} -> ${after.record.pageText}`
    if (step < 1n) say('S-PAGE-ORDER', detail)
    else say(before.redundant || signedByBsm(after.record) ? 'S-PAGE-SKIPPED' : 'S-PAGE-GAP', detail)
  }
}

/** The signer counts its current snapshots and other reads in the same row. */
const signedByBsm = ({ format, gatewayModel, meterModel }: SignedRecord): boolean =>
  format === 'BSM' || (gatewayModel ?? '').startsWith('BAUER Electronic BSM-WS36A') || (meterModel ?? '').startsWith('BSM-WS36A')

/** Hexadecimal card numbers are compared without case; an empty one contradicts nothing. */
const identification = (text: string | null): string | null => (!text ? null : /^[0-9a-fA-F]+$/.test(text) ? text.toLowerCase() : text)

/** What must be equal in all records of a session; `null` means "not stated", which is no contradiction. */
const EQUAL: [string, (record: SignedRecord) => string | null][] = [
  ['S-METER-MISMATCH', ({ meterSerial }) => meterSerial ?? ''],
  ['S-GATEWAY-MISMATCH', ({ gatewaySerial }) => gatewaySerial ?? ''],
  ['S-SESSION-MISMATCH', ({ session }) => session],
  ['S-EVSE-MISMATCH', ({ evse }) => evse || null],
  ['S-IDENT-MISMATCH', (record) => identification(record.identification)],
  ['S-KEY-MISMATCH', ({ signature }) => signature.publicKey && hex(signature.publicKey)],
  ['S-FIRMWARE-CHANGED', ({ firmware }) => JSON.stringify(firmware.map((text) => text ?? ''))],
  ['S-TARIFF-CHANGED', ({ tariff }) => tariff ?? ''],
]

function shown(code: string, value: string): string {
  if (code === 'S-KEY-MISMATCH') return `...${value.slice(-8)}`
  return code === 'S-FIRMWARE-CHANGED' ? (JSON.parse(value) as string[]).join(', ') : value
}

const identity: Check = ({ records }, say) => {
  if (records.length === 1) return
  for (const [code, stated] of EQUAL) {
    const values = new Set(records.map(stated).filter((value): value is string => value !== null))
    if (values.size > 1) say(code, [...values].map((value) => shown(code, value)).join(' / '))
  }
}

const container: Check = ({ records }, say) => {
  for (const record of records) {
    if (record.evseMismatch) say('S-EVSE-MISMATCH', record.evse ?? '')
    for (const path of record.unsignedMismatches) say('S-UNSIGNED-MISMATCH', path)
    for (const path of record.ambiguous) say('S-AMBIGUOUS', path)
  }
}

// -- values

const named = ({ register, literal, unit }: Reading): string => `${register}: ${literal ?? 'no value'} ${unit ?? ''}`.trimEnd()

const values: Check = ({ energy }, say) => {
  for (const register of energy.values()) {
    for (const [at, reading] of register.readings.entries()) {
      if (!reading.value) {
        if (!isEvent(reading)) say('S-VALUE-MISSING', named(reading))
      } else if (reading.value.units < 0n) say('S-VALUE-NEGATIVE', named(reading))
      if (!register.energies[at] && !isEnergyUnit(reading.unit)) say('S-UNIT', named(reading))
    }
    const units = new Set(register.readings.map(({ unit }) => unit))
    const texts = new Set(register.readings.map((reading) => reading.register))
    if (units.size > 1 && [...units].every(isEnergyUnit)) say('S-UNIT-CHANGED', [...units].sort().join(' / '))
    if (texts.size > 1) say('S-OBIS-CHANGED', [...texts].sort().join(' / '))
  }
}

const growth: Check = ({ energy }, say) => {
  for (const register of energy.values()) {
    let before: Decimal | null = null
    for (const [at, reading] of register.readings.entries()) {
      const here = register.energies[at]
      if (!here) continue
      if (before && compare(here, before) < 0) say('S-VALUE-DECREASE', named(reading))
      before = here
    }
  }
}

const loss: Check = ({ energy, informative }, say) => {
  for (const register of [...energy.values(), ...informative.values()]) {
    let before: Decimal | null = null
    for (const { loss: here, moment } of register.readings) {
      if (!here) continue
      if (moment === 'begin' && here.units) say('S-LOSS', `${written(here)} at begin`)
      if (before && compare(here, before) < 0) say('S-LOSS', `${written(before)} -> ${written(here)}`)
      before = here
    }
  }
}

const amount: Check = (session, say) => {
  const { billing, energy: registers } = session
  if (!billing) return
  for (const register of registers.values()) {
    const { energy } = register
    if (!energy) continue
    if (!energy.units) say('S-ZERO-ENERGY', String(register.readings[0]!.register))
    else if (register === billing && energy.units > 0n) {
      if (compare(energy, ENERGY_WH) > 0) say('S-ENERGY-HIGH', `${billing.energyText} kWh`)
      power(billing, energy, say)
    }
    const begin = register.begins[0]!
    if (register.kind.scope === 'session' && register.energies[begin]?.units) say('S-REGISTER-NOT-RESET', named(register.readings[begin]!))
  }
  agreement(session, say)
}

function power({ begin, end }: Register, energy: Decimal, say: Say): void {
  if (!begin?.time || !end?.time) return
  const duration = instant(end.time) - instant(begin.time)
  if (duration <= 60_000 || compare(times(energy, HOUR), decimal(POWER_W * duration)) <= 0) return
  const scaled = times(energy, HOUR)
  const whole = scaled.units * 10n ** BigInt(Math.max(scaled.exponent, 0)) / 10n ** BigInt(Math.max(-scaled.exponent, 0))
  say('S-POWER-HIGH', `${(whole + BigInt(duration * 500)) / BigInt(duration * 1000)} kW`)
}

/** Session and total register of one point show the same energy, to one step of the coarser one. */
function agreement({ energy, counted }: Session, say: Say): void {
  const complete = [...energy.values()].filter((register) => register.complete)
  for (const first of complete.filter(({ kind }) => kind.scope === 'session')) {
    const second = complete.find(
      ({ kind }) => kind.scope === 'total' && kind.direction === first.kind.direction && kind.point === first.kind.point && kind.tariff === first.kind.tariff,
    )
    if (!second || !first.energy || !second.energy) continue
    const step = counted[0]!.record.format === 'BSM' ? BSM_AGREEMENT : { units: 1n, exponent: Math.max(first.step, second.step) }
    if (compare(absolute(minus(first.energy, second.energy)), step) > 0)
      say('S-REGISTER-DISAGREE', `${first.energyText} kWh / ${second.energyText} kWh`)
  }
}

// -- time

const order: Check = ({ energy, informative, readings }, say) => {
  for (const register of energy.values()) forward(register.readings, say)
  for (const [name, register] of informative) if (name !== null) forward(register.readings, say)
  if (informative.has(null)) for (const [before, after] of pairs(readings)) if (!(before.register && after.register)) forward([before, after], say)
}

function forward(readings: Reading[], say: Say): void {
  let before: Time | null = null
  for (const { time, timeText } of readings) {
    if (!time) continue
    const comparable = before && (before.offset === null) === (time.offset === null)
    if (before && comparable && instant(time) < instant(before)) say('S-TIME-ORDER', timeText ?? '')
    before = time
  }
}

const snapshotClock: Check = ({ entries }, say) => {
  const records = entries.filter((entry) => !entry.duplicate).map(({ record }) => record)
  for (const [before, after] of pairs(records)) {
    for (const name of ['OS', 'Epoch']) {
      const [first, second] = [before.numbers[name] ?? null, after.numbers[name] ?? null]
      if (first !== null && second !== null && second <= first) say('S-TIME-ORDER', `${name} ${first} -> ${second}`)
    }
    for (const name of ['EpochSetCnt', 'EpochSetOS']) {
      const [first, second] = [before.numbers[name] ?? null, after.numbers[name] ?? null]
      if (first !== second) say('S-TIME-SET', `${name} ${first} -> ${second}`)
    }
  }
}

const plausible: Check = ({ readings }, say, { now }) => {
  for (const { time, timeText, moment } of readings) {
    if (!time) {
      if (moment === 'begin' || moment === 'end') say('S-TIME-FORMAT', timeText ?? '')
      continue
    }
    const slack = time.offset === null && !time.utc ? ZONES : 0
    if (time.seconds < EARLIEST - slack || time.seconds > now + DAY + slack) say('S-TIME-IMPLAUSIBLE', timeText ?? '')
  }
}

const clockStatus: Check = (session, say) => {
  const begin = session.begin?.clock ?? null
  const end = session.end?.clock ?? null
  const detail = `${begin ?? '-'} -> ${end ?? '-'}`
  if (begin === 'S' && end === 'S') return
  if (end === 'R') say('S-TIME-RELATIVE', detail)
  else if (begin === 'R' && end !== null) say('S-TIME-RELATIVE-LOST', detail)
  else if (begin === 'U' || end === 'U') say('S-TIME-UNSYNC', detail)
  else if (begin === 'I' || end === 'I') say('S-TIME-INFORMATIVE', detail)
}

// -- meter and user status

const meter: Check = ({ stated }, say) => {
  for (const { status, errorFlags, register, timeText } of stated) {
    if (status === 'G' && !errorFlags) continue
    const severity: Severity = classify(register).direction !== null ? 'error' : 'warning'
    const at = `${register ?? ''} ${timeText ?? ''}`.trim()
    if (!status) say('S-STATUS-MISSING', at, severity)
    else if (status !== 'G') say('S-STATUS', `${status} ${at}`.trimEnd(), severity)
    if (errorFlags?.includes('E') && severity === 'error') say('S-ERRORFLAG', at)
    if (errorFlags?.includes('t')) say('S-ERRORFLAG-TIME', at)
  }
}

const eventCounter: Check = ({ stated }, say) => {
  const counters = new Set(stated.map((reading) => reading.eventCounter).filter((one): one is bigint => one !== null))
  if (counters.size > 1) say('S-EVENT-COUNTER', [...counters].sort((one, two) => (one < two ? -1 : 1)).join(' / '))
}

const assignment: Check = ({ records }, say) => {
  for (const { assignmentLevel, assigned } of records) {
    if (assignmentLevel !== null && FAILED_LEVELS.includes(assignmentLevel)) say('S-IDENT-LEVEL', assignmentLevel)
    if (assigned === false) say('S-IDENT-NONE')
  }
}

/** Checks with the format whose records they concern, and whether they run on fiscal records too. */
const CHECKS: { check: Check; format?: string; fiscal?: boolean }[] = [
  { check: bounds },
  { check: snapshotOrder, format: 'BSM' },
  { check: repetitions },
  { check: labels },
  { check: reasons },
  { check: fiscal, format: 'OCMF', fiscal: true },
  { check: pages },
  { check: identity },
  { check: container },
  { check: values },
  { check: growth, fiscal: true },
  { check: amount },
  { check: loss, format: 'OCMF' },
  { check: plausible },
  { check: order, fiscal: true },
  { check: snapshotClock, format: 'BSM' },
  { check: clockStatus },
  { check: meter },
  { check: eventCounter },
  { check: assignment },
]

/** Judges a session by every rule; sets its findings and verdict. */
export function judge(session: Session, moment: Moment): void {
  const found = new Map<string, { severity: Severity; details: Set<string> }>()
  const say: Say = (code, detail = '', severity = SESSION[code]!.severity) => {
    const known = found.get(code)
    if (!known) {
      found.set(code, { severity, details: new Set(detail ? [detail] : []) })
      return
    }
    if (detail) known.details.add(detail)
    if (WEIGHTS[severity] > WEIGHTS[known.severity]) known.severity = severity
  }
  const formats = new Set(session.records.map(({ format }) => format))
  for (const { check, format, fiscal: runs } of CHECKS)
    if ((!format || formats.has(format)) && (runs || !session.fiscal)) check(session, say, moment)
  const codes = [...found.keys()].sort((one, two) => POSITIONS.indexOf(one) - POSITIONS.indexOf(two))
  session.findings = codes.map((code) => raised(code, found.get(code)!))
  const severities = new Set(session.findings.map(({ severity }) => severity))
  session.verdict = severities.has('error')
    ? 'fail'
    : session.fiscal
      ? 'not-applicable'
      : severities.has('incomplete')
        ? 'incomplete'
        : severities.has('warning')
          ? 'warn'
          : 'ok'
}

const DETAILS = 3
/** The values concerned stand behind the sentence, in `where`, so that the page can show the sentence in its language. */
function raised(code: string, { severity, details }: { severity: Severity; details: Set<string> }): Finding {
  const more = details.size > DETAILS ? `; and ${details.size - DETAILS} more` : ''
  return finding(code, severity, SESSION[code]!.en, details.size ? [...details].slice(0, DETAILS).join('; ') + more : '')
}

