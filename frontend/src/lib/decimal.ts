// Exact decimal texts: values come as text and are never put through floating point, except into a plot.
interface Parts {
  units: bigint
  places: number
}

function parts(text: string): Parts | null {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text.trim())
  if (!match) return null
  const [, sign, whole = '0', fraction = ''] = match
  return { units: BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction}`), places: fraction.length }
}

function written({ units, places }: Parts): string {
  const digits = (units < 0n ? -units : units).toString().padStart(places + 1, '0')
  const text = places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits
  return units < 0n ? `-${text}` : text
}

const widened = (value: Parts, places: number): bigint => value.units * 10n ** BigInt(places - value.places)

/** The sum of decimal texts, `null` if one of them is none. */
export function sum(texts: string[]): string | null {
  const all = texts.map(parts)
  if (all.some((value) => value === null)) return null
  const places = Math.max(0, ...all.map((value) => value!.places))
  return written({ units: all.reduce((total, value) => total + widened(value!, places), 0n), places })
}

export function minus(left: string, right: string): string | null {
  const value = parts(right)
  return value && sum([left, written({ ...value, units: -value.units })])
}

/** The text moved by powers of ten: shifted('1500', -3) is '1.500'. */
export function shifted(text: string, exponent: number): string | null {
  const value = parts(text)
  if (!value) return null
  const places = value.places - exponent
  return places >= 0 ? written({ units: value.units, places }) : written({ units: value.units * 10n ** BigInt(-places), places: 0 })
}

/** At most that many decimals, rounded half away from zero. */
export function rounded(text: string, places: number): string {
  const value = parts(text)
  if (!value || value.places <= places) return text
  const step = 10n ** BigInt(value.places - places)
  const size = value.units < 0n ? -value.units : value.units
  const units = (size + step / 2n) / step
  return written({ units: value.units < 0n ? -units : units, places })
}

export const isDecimal = (text: string): boolean => parts(text) !== null
