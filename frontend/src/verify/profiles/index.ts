// What two programs in wide use would say to a session; it changes no verdict of ours. Specification, 3.6.
import data from '../data.json'
import { finding, type Finding, type SignedRecord } from '../records'
import type { Session } from '../sessions'
import * as chargy from './chargy'
import { has, Surroundings, UNKNOWN, type Prediction } from './prediction'
import * as safe from './safe'

export type { Prediction } from './prediction'
export type Profile = keyof typeof data.profiles

/** Predictions between two pauses in which the page can do something else. */
const AT_ONCE = 500

export type Predictions = Partial<Record<Profile, Prediction>>

const PREDICT: Record<Profile, (records: SignedRecord[], findings: Finding[], surroundings: Surroundings) => Promise<Prediction>> = {
  'safe-1.4.1': (records, _, surroundings) => safe.predict(records, surroundings),
  'chargy-0.12': chargy.predict,
}
export const PROFILES = Object.keys(data.profiles) as Profile[]

/** The predictions for every session and loose record of a document, but for what this page does not read. A record that no
 * table foresaw leaves a prediction open. */
export async function predictAll(sessions: Session[], loose: SignedRecord[], records: SignedRecord[], trusted: string | null): Promise<void> {
  const surroundings = new Surroundings(records, trusted)
  let done = 0
  const predict = async (unit: { profiles: Predictions }, of: SignedRecord[], findings: Finding[]): Promise<void> => {
    if (++done % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve))
    for (const name of PROFILES) unit.profiles[name] = await PREDICT[name](of, findings, surroundings).catch(() => UNKNOWN)
  }
  for (const session of sessions) await predict(session, session.records, session.findings)
  for (const record of loose) if (!has(record, 'F-EXTRA')) await predict(record, [record], [])
}

/** Green, or yellow only because a key is not trusted or is a test key. */
const isGreenButForKeys = ({ verdict, records }: Session): boolean =>
  verdict === 'ok' && records.every(({ signature }) => signature.verdict === 'valid')

/** What a green session gets when a program would not accept it. */
export function profileFindings(session: Session): Finding[] {
  if (!isGreenButForKeys(session)) return []
  return PROFILES.flatMap((name) => {
    const { verdict, reason } = session.profiles[name] ?? UNKNOWN
    if (verdict !== 'invalid' && verdict !== 'refused') return []
    const because = reason ? `${reason.code}: ${reason.text}` : ''
    return [finding('F-PROFILE', 'info', `${data.profiles[name].program} would not accept this: ${verdict}, ${because}`)]
  })
}
