// One run: recognise, decode, verify, form sessions, judge, colour. The object is that of `verify --json`. Specification, 0.6.
import { hex, utf8 } from './bytes'
import data from './data.json'
import { predictAll, profileFindings, type Predictions } from './profiles'
import { carrier, finding, judged, stopped, type Colour, type KeyText, type SignedRecord, type Unit } from './records'
import { read } from './recognise'
import { judge } from './rules'
import { form, type Session, type SessionVerdict } from './sessions'
import { timeText } from './times'
import { isTestKey, verify } from './verification'

export interface Options {
  publicKey?: string | null
  now?: number
  allowTestKeys?: boolean
  source?: string
}

export interface Report {
  records: SignedRecord[]
  sessions: Session[]
  loose: SignedRecord[]
  /** Published test keys count like others. */
  allowTestKeys: boolean
}

/** Records between two pauses in which the page can do something else. */
const AT_ONCE = 50

/** The report on one document. Never throws on bad content: what cannot be read is a finding of the report. */
export async function examine(content: Uint8Array | string, options: Options = {}): Promise<Report> {
  const bytes = typeof content === 'string' ? utf8(content) : content
  const text = options.publicKey?.trim()
  const allowTestKeys = options.allowTestKeys ?? false
  const trusted: KeyText | null = text ? { text, source: 'trusted', encoding: null } : null
  const records: SignedRecord[] = []
  for (const unit of units(bytes, options.source ?? 'data')) {
    records.push(await verified(unit, trusted))
    if (records.length % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve))
  }
  const keys = new Set<string>()
  for (const [index, record] of records.entries()) {
    record.index = index
    if (isTestKey(record)) keys.add(hex(record.signature.publicKey!))
  }
  const { sessions, loose } = form(records)
  for (const session of sessions) judge(session, { now: options.now ?? Date.now() / 1000 })
  for (const { signature, findings } of records)
    if (signature.publicKey && keys.has(hex(signature.publicKey))) {
      signature.testKey = true
      findings.push(finding('F-TEST-KEY', allowTestKeys ? 'info' : 'warning', data.testKey.en))
    }
  await predictAll(sessions, loose, records, text || null)
  return { records, sessions, loose, allowTestKeys }
}

const crash = (error: unknown): string => `internal error, please report it: ${String(error)}`

function units(bytes: Uint8Array, source: string): Unit[] {
  try {
    return read(bytes, carrier({ source }))
  } catch (error) {
    return [stopped('unknown', 'F-FORMAT', crash(error), carrier({ source }))]
  }
}

async function verified(unit: Unit, trusted: KeyText | null): Promise<SignedRecord> {
  try {
    return await verify(unit, trusted)
  } catch (error) {
    // a crash on any input is a defect, but does not end the others
    const { record } = unit
    record.signature = judged('format-error', 'F-FORMAT')
    record.findings.push(finding('F-FORMAT', 'error', crash(error)))
    return record
  }
}

/** Colour of one record: its own signature and key only. `allowed`: test keys count like others. */
export function recordColour({ signature }: SignedRecord, allowed: boolean): Colour {
  const { verdict, keySource, testKey } = signature
  if (verdict === 'no-key' || verdict === 'unsupported') return 'grey'
  if (verdict !== 'valid') return 'red'
  return keySource === 'trusted' && (allowed || !testKey) ? 'green' : 'yellow'
}

const BY_VERDICT: Record<SessionVerdict, Colour> = { ok: 'green', warn: 'yellow', fail: 'red', incomplete: 'grey', 'not-applicable': 'grey' }

/** Colour of a session: the first row that applies. */
export function sessionColour(session: Session, allowed: boolean): Colour {
  const present = [BY_VERDICT[session.verdict], ...session.records.map((record) => recordColour(record, allowed))]
  return (['red', 'grey', 'yellow'] as const).find((colour) => present.includes(colour)) ?? 'green'
}

export const sentence = ({ message, where }: { message: string; where: string }): string => (where ? `${message} (${where})` : message)

/** One colour for each session and each loose record. */
export const colours = ({ sessions, loose, allowTestKeys: allowed }: Report): Colour[] => [
  ...sessions.map((session) => sessionColour(session, allowed)),
  ...loose.map((record) => recordColour(record, allowed)),
]

const predicted = (profiles: Predictions): object =>
  Object.fromEntries(Object.entries(profiles).map(([name, { verdict, reason }]) => [name, { verdict, reasons: reason ? [reason.code] : [] }]))

/** The object of `verify --json`; loose records have predictions too, as with `--profile`. */
export function asDict(report: Report): object {
  const { records, sessions, loose, allowTestKeys: allowed } = report
  const places = new Map(records.map((record, place) => [record, place]))
  const present = colours(report)
  const outside = new Set(loose)
  const count = (colour: Colour): number => present.filter((one) => one === colour).length
  return {
    version: 1,
    notice: data.notice.en,
    summary: {
      sessions: sessions.length,
      loose_records: loose.length,
      green: count('green'),
      yellow: count('yellow'),
      red: count('red'),
      grey: count('grey'),
      unreadable: 0,
    },
    records: records.map((record) => {
      const { source, index, format, container, findings, signature } = record
      const { verdict, reason, hints, algorithm, publicKey, keySource } = signature
      return {
        source,
        index,
        format,
        container,
        signature: verdict,
        overall: recordColour(record, allowed),
        reason,
        hints,
        algorithm,
        public_key: publicKey && hex(publicKey),
        key_source: publicKey && keySource,
        findings,
        signed: hex(record.signed),
        ...(outside.has(record) && { profiles: predicted(record.profiles) }),
      }
    }),
    sessions: sessions.map((session) => {
      const energy = session.billing?.energyText ?? null
      return {
        id: session.id,
        records: session.records.map((record) => places.get(record)!),
        verdict: session.verdict,
        overall: sessionColour(session, allowed),
        begin: timeText(session.begin?.time ?? null),
        end: timeText(session.end?.time ?? null),
        energy: energy === null ? null : { value: energy, unit: 'kWh' },
        profiles: predicted(session.profiles),
        findings: [...session.findings, ...profileFindings(session)].map((one) => ({ code: one.code, severity: one.severity, message: sentence(one) })),
      }
    }),
  }
}
