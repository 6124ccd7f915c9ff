// From the records of one document to charging sessions: who belongs together, in which order, what counts once.
// Specification, 3.1; the numbers of the rules are named where they apply.
import { sha256 } from '@noble/hashes/sha2.js'
import { hex } from './bytes'
import { Containers, Entry, listed, markRepeated, markShared, markSuperseded, withoutDuplicates } from './entries'
import type { Predictions } from './profiles'
import type { Finding, Reading, SignedRecord } from './records'
import { billingRegister, sortRegisters, type Register } from './registers'
import { instant } from './times'

export const BEGIN = 'Transaction.Begin'
export const END = 'Transaction.End'
export type SessionVerdict = 'ok' | 'warn' | 'fail' | 'incomplete' | 'not-applicable'

export class Session {
  findings: Finding[] = []
  verdict: SessionVerdict = 'ok'
  /** What other programs would say. */
  profiles: Predictions = {}
  readonly energy: Map<string, Register>
  readonly informative: Map<string | null, Register>
  readonly billing: Register | null

  constructor(
    readonly entries: Entry[],
    /** Neither duplicate nor redundant. */
    readonly counted: Entry[],
    readonly readings: Reading[],
    readonly fiscal: boolean,
  ) {
    const { energy, informative } = sortRegisters(readings)
    this.energy = energy
    this.informative = informative
    this.billing = billingRegister(energy)
  }
  get records(): SignedRecord[] {
    return this.entries.map(({ record }) => record)
  }
  get begin(): Reading | null {
    return this.billing ? this.billing.begin : (this.readings.find(({ moment }) => moment === 'begin') ?? null)
  }
  get end(): Reading | null {
    return this.billing ? this.billing.end : (this.readings.find(({ moment }) => moment === 'end') ?? null)
  }
  /** All readings, with the begins that count for nothing beside their equals (rule 7): their state is said once more. */
  get stated(): Reading[] {
    const known = new Set(this.readings)
    const leftOut = this.entries
      .filter((entry) => !entry.duplicate && (entry.redundant || entry.readings.length !== entry.record.readings.length))
      .flatMap(({ record }) => record.readings)
      .filter((reading) => reading.moment === 'begin' && reading.value !== null && !known.has(reading))
    return [...this.readings, ...leftOut]
  }
  get id(): string {
    const { transaction, session, signed } = this.entries[0]!.record
    return transaction || session || `sha256:${hex(sha256(signed)).slice(0, 16)}`
  }
}

/** The sessions of one document, in the order of their first records, and the loose records. */
export function form(records: SignedRecord[]): { sessions: Session[]; loose: SignedRecord[] } {
  const loose: SignedRecord[] = []
  const groups = new Map<string, Entry[]>()
  const positions = new Map<SignedRecord, number>()
  for (const [position, record] of records.entries()) {
    const { verdict } = record.signature
    if (verdict === 'format-error' || verdict === 'unsupported' || !(record.readings.length || record.format === 'OCMF')) {
      loose.push(record)
      continue
    }
    positions.set(record, position)
    const key = record.container === 'chargeIT-JSON' ? 'container' : record.transaction !== null ? `transaction ${record.transaction}` : 'loose'
    listed(groups, key, new Entry(record))
  }
  const collections: Entry[][] = []
  for (const [kind, entries] of groups) {
    if (entries.length === 1) collections.push(entries)
    else if (kind === 'container') collections.push(withoutDuplicates(entries).flat())
    else for (const one of together(entries, kind === 'loose')) collections.push(one)
  }
  markRepeated([...groups.values()].flat())
  markShared(collections)
  const place = (entries: Entry[]): number => entries.reduce((least, { record }) => Math.min(least, positions.get(record)!), Infinity)
  const sorted = collections.map((entries) => ({ entries, at: place(entries) })).sort((one, two) => one.at - two.at)
  return { sessions: sorted.map(({ entries }) => session(entries)), loose }
}

/** Sessions of one transaction (rule 2), or of records without transaction when `collected` (rule 3). */
function together(entries: Entry[], collected: boolean): Entry[][] {
  const [unique, repetitions] = withoutDuplicates(entries)
  const complete = unique.filter((entry) => entry.complete)
  const sessions = new Map(complete.map((entry) => [entry, [entry]]))
  const left: Entry[] = []
  const containers = new Containers(complete)
  for (const entry of unique.filter((one) => !one.complete)) {
    entry.contained = containers.of(entry)
    if (entry.contained) sessions.get(entry.contained)!.splice(-1, 0, entry)
    else left.push(entry)
  }
  const whole = [...sessions.values()]
  let result: Entry[][]
  if (collected) result = [...whole, ...byMeter(left)]
  else if (!complete.length) result = [left]
  else if (left.some((entry) => entry.partial)) result = [[...whole.flat(), ...left]]
  else if (complete.length === 1) result = [[...left, ...whole[0]!]]
  else result = left.length ? [...whole, left] : whole
  const homes = new Map<Entry, Entry[]>()
  for (const one of result) {
    markSuperseded(one)
    for (const entry of one) homes.set(entry, one)
  }
  for (const entry of repetitions) homes.get(entry.original!)!.push(entry)
  return result
}

/** Rule 3: what is left is collected by gateway and meter in file order; an end closes a session. */
function byMeter(entries: Entry[]): Entry[][] {
  const open = new Map<string, Entry[]>()
  const found: Entry[][] = []
  for (const entry of entries) {
    const key = JSON.stringify([...entry.owner.slice(0, 2), entry.record.pageLetter === 'F'])
    let one = open.get(key)
    if (!one) {
      open.set(key, (one = []))
      found.push(one)
    }
    one.push(entry)
    if (entry.ends) open.delete(key)
  }
  return found
}

function session(given: Entry[]): Session {
  const [only] = given
  if (given.length === 1) return new Session(given, given, only!.readings, only!.record.pageLetter === 'F')
  const entries = ordered(given)
  const counted = entries.filter((entry) => !entry.duplicate && !entry.redundant)
  const extra = entries.filter((entry) => entry.redundant && !entry.duplicate).flatMap((entry) => entry.readings)
  const readings = sortedIn(counted.flatMap((entry) => entry.readings), extra.filter(({ moment }) => moment !== 'begin'))
  return new Session(entries, counted, readings, counted.every(({ record }) => record.pageLetter === 'F'))
}

const labelOrder = ({ record: { context } }: Entry): number => (context === BEGIN ? 0 : context === END ? 2 : 1)

/** Rule 4, with redundant records before what they are contained in and repetitions after their original. */
function ordered(entries: Entry[]): Entry[] {
  const counted = entries.filter((entry) => !entry.duplicate && !entry.redundant)
  const redundant = entries.filter((entry) => entry.redundant && !entry.duplicate)
  if (counted.length > 1) {
    if (counted.some((entry) => labelOrder(entry) !== 1)) counted.sort((one, two) => labelOrder(one) - labelOrder(two))
    else sortByPage(counted)
  }
  sortByPage(redundant)
  const before = new Map<Entry, Entry[]>()
  for (const entry of redundant) {
    listed(before, entry.outermost(), entry)
  }
  const after = new Map<Entry, Entry[]>()
  for (const entry of entries) if (entry.original) listed(after, entry.original, entry)
  return counted.flatMap((whole) => [...(before.get(whole) ?? []), whole].flatMap((entry) => [entry, ...(after.get(entry) ?? [])]))
}

/** By page where all have one of the same counter; counters without letter (BSM) stay in file order. */
function sortByPage(entries: Entry[]): void {
  const letters = new Set(entries.map(({ record }) => record.pageLetter))
  if (letters.size !== 1 || letters.has(null) || entries.some(({ record }) => record.page === null)) return
  entries.sort((one, two) => (one.record.page! < two.record.page! ? -1 : one.record.page! > two.record.page! ? 1 : 0))
}

/** The intermediate readings of redundant records by time, after the begins and before the end. */
function sortedIn(readings: Reading[], extra: Reading[]): Reading[] {
  if (!extra.length) return readings
  const latest: number[] = [] // the latest instant up to each reading; begins count for nothing
  for (const { moment, time } of readings) {
    if (moment === 'end') break
    const here = time && moment !== 'begin' ? instant(time) : -Infinity
    latest.push(Math.max(here, latest.at(-1) ?? -Infinity))
  }
  const buckets = new Map<number, Reading[]>()
  for (const reading of extra) {
    const limit = reading.time ? instant(reading.time) : Infinity
    let at = 0
    for (let after = latest.length; at < after; ) {
      const middle = (at + after) >> 1
      if (latest[middle]! > limit) after = middle
      else at = middle + 1
    }
    listed(buckets, at, reading)
  }
  return [...readings.flatMap((reading, position) => [...(buckets.get(position) ?? []), reading]), ...(buckets.get(readings.length) ?? [])]
}
