// What an OBIS code of a signed record counts. Groups are compared as lower-case tokens without leading zeros and never
// converted between radices, because records do not say which radix they use. Specification, 1.9.
import { trim } from './bytes'
import data from './data.json'

const WRITTEN =
  /^(?:([0-9a-z]{1,3})-([0-9a-z]{1,3}):)?([0-9a-z]{1,3})\.([0-9a-z]{1,3})(?:\.([0-9a-z]{1,3}))?(?:[*.&]([0-9a-z]{1,3}))?$/i
const DIGITS = /^[0-9a-f]{12}$/i

export interface RegisterClass {
  direction: string | null
  point: string | null
  scope: string | null
  tariff: string | null
  reserved: boolean
  rank: number
}

const { byQuantity, reserved, totalEndings, order } = data.obis
const NOTHING: RegisterClass = { direction: null, point: null, scope: null, tariff: null, reserved: false, rank: order.length }

/** The six groups, `null` where the text leaves one out; `null` as a whole if the text is no OBIS code. */
export function tokens(given: string): (string | null)[] | null {
  const text = trim(given)
  const groups = DIGITS.test(text) ? text.match(/../g)! : WRITTEN.exec(text)?.slice(1)
  return groups ? groups.map((one: string | undefined) => (one === undefined ? null : one.toLowerCase().replace(/^0+/, '') || '0')) : null
}

const kept = new Map<string, RegisterClass>()
/** The class of the register that a text names; text that is no OBIS code is informative. */
export function classify(text: string | null): RegisterClass {
  if (!text) return NOTHING
  let found = kept.get(text)
  if (!found) {
    found = classified(text)
    if (kept.size > 1000) kept.clear()
    if (text.length <= 64) kept.set(text, found)
  }
  return found
}

function classified(text: string): RegisterClass {
  const groups = tokens(text)
  if (!groups) return NOTHING
  const [a, , c, d, e, f] = groups as [string | null, unknown, string, string, string | null, string | null]
  if (a !== '1' || d !== '8') return NOTHING
  if (reserved.includes(c)) return { ...NOTHING, reserved: true }
  let kind: string[] | undefined = Object.hasOwn(byQuantity, c) ? (byQuantity as Record<string, string[]>)[c] : undefined
  if (!kind && (c === '1' || c === '2')) {
    if (f === null || totalEndings.includes(f)) kind = [c === '1' ? 'import' : 'export', 'mains', 'total']
    else if (f === '198' && c === '1') kind = ['import', 'mains', 'session']
  }
  if (!kind) return NOTHING
  const [direction, point, scope] = kind as [string, string, string]
  const tariff = e !== null && e !== '0' && e !== 'e' ? e : null
  return { direction, point, scope, tariff, reserved: false, rank: order.findIndex((one) => one.join() === kind.join()) }
}
