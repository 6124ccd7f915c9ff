// A record's part in a session: which of its readings count, and which other record contains it. Specification, 3.1, rules
// 5 and 7. A document may hold 100,000 records that a stranger wrote, so nothing here compares each with each.
import { hex } from './bytes'
import { normal } from './decimal'
import { tokens } from './obis'
import type { Reading, SignedRecord } from './records'
import { wattHours } from './registers'
import { instant } from './times'

const CANDIDATES = 64

/** Appends to the list under a key. */
export function listed<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}

export class Entry {
  original: Entry | null = null
  contained: Entry | null = null
  repeated = false
  /** Another session, which is not the same, holds the same signed bytes. */
  shared = false
  private keys: Set<string> | null = null
  readonly begins: boolean
  readonly ends: boolean
  readonly readings: Reading[]
  readonly signed: string

  constructor(readonly record: SignedRecord) {
    const { readings } = record
    const begins = readings.filter(({ moment }) => moment === 'begin').length
    this.begins = begins > 0
    this.ends = readings.some(({ moment }) => moment === 'end')
    const stated = readings.map((reading) => (reading.event ? { ...reading, register: null, unit: null } : reading))
    this.readings = begins < 2 || this.ends ? stated : withoutRepeats(stated)
    this.signed = hex(record.signed)
  }
  get duplicate(): boolean {
    return this.original !== null
  }
  get redundant(): boolean {
    return this.contained !== null
  }
  get complete(): boolean {
    return this.begins && this.ends
  }
  get partial(): boolean {
    return this.begins !== this.ends
  }
  get beginOnly(): boolean {
    return this.readings.every(({ moment }) => moment === 'begin')
  }
  /** Gateway, meter and identification; what is missing equals what is empty. */
  get owner(): [string, string, string] {
    const { gatewaySerial, meterSerial, identification } = this.record
    return [gatewaySerial ?? '', meterSerial ?? '', identification ?? '']
  }
  /** What the begin readings state: register, value, instant. */
  get beginKeys(): Set<string> {
    this.keys ??= new Set(this.readings.filter(({ moment }) => moment === 'begin').map(readingKey))
    return this.keys
  }
  /** The entry that contains this one and is contained in no other. */
  outermost(): Entry {
    let entry: Entry = this
    while (entry.contained) entry = entry.contained
    if (entry !== this) this.contained = entry
    return entry
  }
}

/** Equal for readings of the same register, value and instant (rule 7). */
export function readingKey(reading: Reading): string {
  const energy = wattHours(reading)
  const value = energy ? [normal(energy)] : [reading.value && normal(reading.value), reading.unit]
  return JSON.stringify([registerKey(reading), value, reading.time ? instant(reading.time) : reading.timeText])
}

const registerKey = ({ register }: Reading): string => (register ? JSON.stringify(tokens(register) ?? register) : '')

/** Rule 7: later begins that each equal an earlier one count as if they stood there once. */
function withoutRepeats(readings: Reading[]): Reading[] {
  const seen = new Set<string>()
  const registers = new Set<string>()
  const kept: Reading[] = []
  for (const reading of readings) {
    if (reading.moment === 'begin') {
      const key = readingKey(reading)
      if (seen.has(key)) continue
      const register = registerKey(reading)
      if (registers.has(register)) return readings // another value or time for the same register: a second begin
      seen.add(key)
      registers.add(register)
    }
    kept.push(reading)
  }
  return kept
}

/** Rule 5: the entries without exact repetitions, and the repetitions, marked. */
export function withoutDuplicates(entries: Entry[]): [Entry[], Entry[]] {
  const seen = new Map<string, Entry>()
  const unique: Entry[] = []
  const repetitions: Entry[] = []
  for (const entry of entries) {
    entry.original = seen.get(entry.signed) ?? null
    if (entry.original) repetitions.push(entry)
    else {
      seen.set(entry.signed, entry)
      unique.push(entry)
    }
  }
  return [unique, repetitions]
}

/** Finds, among `entries`, one that contains another: same owner, every begin reading of it (rule 7). */
export class Containers {
  private readonly byBegin = new Map<string, Entry[]>()
  constructor(entries: Entry[]) {
    for (const entry of entries)
      for (const key of entry.beginKeys) listed(this.byBegin, JSON.stringify([entry.owner, key]), entry)
  }

  /** The first entry that contains this one, which begins and does not end; `accept` may ask for more. */
  of(entry: Entry, accept: (other: Entry) => boolean = () => true): Entry | null {
    if (!entry.begins || entry.ends) return null
    const lists = [...entry.beginKeys].map((key) => this.byBegin.get(JSON.stringify([entry.owner, key])) ?? [])
    const shortest = lists.reduce((one, two) => (two.length < one.length ? two : one))
    for (const candidate of shortest.slice(0, CANDIDATES)) {
      if (candidate === entry || !accept(candidate)) continue
      if ([...entry.beginKeys].every((key) => candidate.beginKeys.has(key))) return candidate
    }
    return null
  }
}

/** Rule 7 while the complete record is missing: begin-only towards begin and intermediate, that towards a later. */
export function markSuperseded(session: Entry[]): void {
  if (session.length < 2 || session.some((entry) => entry.complete)) return
  const goingOn = session.filter((entry) => entry.begins && !entry.ends && !entry.beginOnly)
  if (!goingOn.length) return
  const order = ({ record: { page } }: Entry): bigint => page ?? -1n
  const latestFirst = [...goingOn].sort((one, two) => (order(one) < order(two) ? -1 : order(one) > order(two) ? 1 : 0)).reverse()
  const containers = new Containers(latestFirst)
  for (const entry of session) {
    const { page } = entry.record
    if (entry.beginOnly) entry.contained = containers.of(entry)
    else if (page !== null) entry.contained = containers.of(entry, (other) => (other.record.page ?? 0n) > page)
  }
}

/** Rule 5: complete records of one meter with equal begin and end, but other bytes. */
export function markRepeated(entries: Entry[]): void {
  const stated = new Map<string, Entry[]>()
  for (const entry of entries) {
    if (!entry.complete || entry.duplicate) continue
    const bounds = entry.readings.filter(({ moment }) => moment === 'begin' || moment === 'end').map((one) => `${one.moment} ${readingKey(one)}`)
    listed(stated, JSON.stringify([entry.owner.slice(0, 2), [...new Set(bounds)].sort()]), entry)
  }
  for (const same of stated.values()) if (new Set(same.map(({ signed }) => signed)).size > 1) for (const entry of same) entry.repeated = true
}

/** Rule 5 across sessions: a whole session twice is told as one made again is, a part of one as a repetition. */
export function markShared(sessions: Entry[][]): void {
  const homes = new Map<string, Map<number, Entry>>()
  sessions.forEach((session, number) => {
    for (const entry of session) {
      const same = homes.get(entry.signed) ?? new Map<number, Entry>()
      if (!same.has(number)) same.set(number, entry)
      homes.set(entry.signed, same)
    }
  })
  const contents = new Map<number, string>()
  for (const same of homes.values()) {
    if (same.size < 2) continue
    for (const number of same.keys())
      if (!contents.has(number)) contents.set(number, JSON.stringify([...new Set(sessions[number]!.map(({ signed }) => signed))].sort()))
    const whole = [...same.values()].every((entry) => entry.complete) || new Set([...same.keys()].map((number) => contents.get(number))).size === 1
    for (const entry of same.values()) {
      entry.repeated ||= whole
      entry.shared = !whole
    }
  }
}
