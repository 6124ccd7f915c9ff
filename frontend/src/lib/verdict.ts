// The verdict on a charging session in words: what was judged, how, and why.
import findings from '../words/findings.json'
import { current, maybe, t } from './words.svelte'

export interface Finding {
  code: string
  severity: string
  where?: string
  message: string
}
export interface JudgedRecord {
  format?: string
  signature: string
  overall: string
  reason: string | null
  hints?: string[]
  algorithm?: string
  key_source?: string | null
  findings?: Finding[]
}
export interface JudgedSession {
  verdict: string
  overall: string
  begin?: string | null
  end?: string | null
  energy?: { value: string; unit: string } | null
  profiles?: Record<string, { verdict: string; reasons: string[] }>
  findings?: Finding[]
}
export interface Verdict {
  notice?: string
  records?: JudgedRecord[]
  sessions?: JudgedSession[]
}
export interface ChargingSession {
  id: string
  serial: string
  state: 'beginning' | 'running' | 'ending' | 'ended' | 'failed'
  begun: string | number
  ended: string | number | null
  user: string
  options: Record<string, unknown>
  public_key?: string | null
  records?: { role: string; format: string; data: string; signature: string; overall: string }[] | null
  verdict: Verdict | null
  energy_wh?: string | null
  failure?: string | null
  true?: boolean | null
}

const GERMAN: Record<string, string> = findings

export const sentence = (finding: Finding): string => (current() === 'de' && GERMAN[finding.code]) || finding.message
export const notice = (verdict: Verdict): string => (current() === 'de' && GERMAN.notice) || verdict.notice || ''

const TONES: Record<string, [string, string]> = {
  green: ['✓', 'ok'],
  yellow: ['▲', 'warn'],
  red: ['✕', 'bad'],
  grey: ['?', 'muted'],
}
/** Sign, class and words of a colour. */
export function colour(overall: string | undefined): { sign: string; tone: string; text: string } {
  const [sign, tone] = TONES[overall ?? ''] ?? ['…', 'muted']
  return { sign, tone, text: maybe(`colour.${overall}`, t('colour.none')) }
}

const rank: Record<string, number> = { red: 3, grey: 2, yellow: 1, green: 0 }
/** The colour of a session as a whole: its own, or the worst of its records. */
export function overall(session: ChargingSession): string | undefined {
  const judged = session.verdict?.sessions?.[0]?.overall
  if (judged) return judged
  const colours = (session.records ?? []).map((record) => record.overall)
  return colours.sort((left, right) => (rank[right] ?? 0) - (rank[left] ?? 0))[0]
}
