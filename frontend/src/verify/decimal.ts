// Exact decimals: an integer and a power of ten, as the record writes them. Nothing goes through floating point.
export interface Decimal {
  units: bigint
  exponent: number
}

export const ZERO: Decimal = { units: 0n, exponent: 0 }
export const decimal = (units: bigint | number, exponent = 0): Decimal => ({ units: BigInt(units), exponent })

function aligned(one: Decimal, two: Decimal): [bigint, bigint, number] {
  const exponent = Math.min(one.exponent, two.exponent)
  return [one.units * 10n ** BigInt(one.exponent - exponent), two.units * 10n ** BigInt(two.exponent - exponent), exponent]
}

const sign = ({ units }: Decimal): number => (units < 0n ? -1 : units > 0n ? 1 : 0)
/** Digits before the point, less those that are zeros behind it. */
const magnitude = ({ units, exponent }: Decimal): number => (units < 0n ? -units : units).toString().length + exponent
/** Exponents so far apart are compared by magnitude, before any power of ten is computed. */
const FAR = 1000

export function compare(one: Decimal, two: Decimal): number {
  if (Math.abs(one.exponent - two.exponent) > FAR) {
    const [first, second] = [sign(one), sign(two)]
    if (first !== second || !first) return Math.sign(first - second)
    const further = magnitude(one) - magnitude(two)
    if (further) return Math.sign(further) * first
  }
  const [first, second] = aligned(one, two)
  return first < second ? -1 : first > second ? 1 : 0
}

export function minus(one: Decimal, two: Decimal): Decimal {
  const [first, second, exponent] = aligned(one, two)
  return { units: first - second, exponent }
}

export const times = (one: Decimal, factor: bigint | number): Decimal => ({ units: one.units * BigInt(factor), exponent: one.exponent })
export const absolute = (one: Decimal): Decimal => (one.units < 0n ? times(one, -1) : one)

/** The value with that exponent; what is finer is rounded half to even. */
export function quantized(one: Decimal, exponent: number): Decimal {
  if (one.exponent >= exponent) return { units: one.units * 10n ** BigInt(one.exponent - exponent), exponent }
  const step = 10n ** BigInt(exponent - one.exponent)
  const size = one.units < 0n ? -one.units : one.units
  let units = size / step
  const rest = 2n * (size % step)
  if (rest > step || (rest === step && units % 2n)) units += 1n
  return { units: one.units < 0n ? -units : units, exponent }
}

/** The value with 28 significant digits, as Python's arithmetic rounds. */
export function rounded(one: Decimal, digits = 28): Decimal {
  const size = (one.units < 0n ? -one.units : one.units).toString().length
  if (one.units && size + one.exponent > 1_000_000) throw new RangeError('beyond all numbers')
  return size > digits ? quantized(one, one.exponent + size - digits) : one
}

/** Plain digits, never an exponent. */
export function written({ units, exponent }: Decimal): string {
  const sign = units < 0n ? '-' : ''
  const digits = (units < 0n ? -units : units).toString()
  if (exponent >= 0) return sign + (units ? digits + '0'.repeat(exponent) : digits)
  const padded = digits.padStart(1 - exponent, '0')
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`
}

/** Equal for equal values, however many zeros they end with. */
export function normal({ units, exponent }: Decimal): string {
  if (!units) return '0'
  const digits = units.toString()
  const plain = digits.replace(/0+$/, '')
  return `${plain}e${exponent + digits.length - plain.length}`
}

const DIGITS = 40
export const POWER = 30
const SHORT = 24
const LITERAL = /^ *(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/

export interface Refused {
  code: string
  message: string
}
const shown = (literal: string): string => `'${literal.length <= 48 ? literal : `${literal.slice(0, 45)}...`}'`

/** The exact value of a literal, or why there is none; limits are checked before any arithmetic. */
export function exact(literal: string): Decimal | Refused {
  const match = LITERAL.exec(literal)
  if (!match || literal.endsWith('\n')) return { code: 'F-RV', message: `${shown(literal)} is no decimal number` }
  const [, sign, integer = '', fraction = '', power] = match
  const leading = integer.replace(/^0+/, '')
  const digits = leading ? leading.length + fraction.length : fraction.replace(/^0+/, '').length
  if (power !== undefined || literal.length > SHORT) {
    if (digits > DIGITS || fraction.length > DIGITS + POWER)
      return { code: 'F-RV-RANGE', message: `${shown(literal)} has more than ${DIGITS} significant digits` }
    const size = (power ?? '0').replace(/^[+-]+/, '').replace(/^0+/, '')
    if (size.length > 2 || Number(size || '0') > POWER)
      return { code: 'F-RV-RANGE', message: `${shown(literal)} has an exponent beyond ${POWER}` }
  }
  const units = BigInt((leading || '0') + fraction)
  return { units: sign ? -units : units, exponent: Number(power ?? 0) - fraction.length }
}

export const isRefused = (found: Decimal | Refused): found is Refused => 'code' in found
