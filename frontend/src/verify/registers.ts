// Exact energy, and the readings of one session sorted by register. Specification, 1.9, 1.12 and 3.1 (rule 6).
import { minus, quantized, times, written, type Decimal } from './decimal'
import { classify, type RegisterClass } from './obis'
import type { Reading } from './records'

export const EXPONENTS: Record<string, number> = { kWh: 3, Wh: 0 }
export const isEnergyUnit = (unit: string | null): boolean => unit === 'kWh' || unit === 'Wh'

/** The value in watt hours; `null` without usable value or with a unit that is no energy. */
export function wattHours({ value, unit }: Reading): Decimal | null {
  if (!value || !isEnergyUnit(unit)) return null
  return unit === 'kWh' ? times(value, 1000) : value
}

/** The readings of one register class in session order. */
export class Register {
  readings: Reading[] = []
  energies: (Decimal | null)[] = []
  begins: number[] = []
  ends: number[] = []
  constructor(readonly kind: RegisterClass) {}

  add(reading: Reading): void {
    const position = this.readings.push(reading) - 1
    this.energies.push(wattHours(reading))
    if (reading.moment === 'begin') this.begins.push(position)
    else if (reading.moment === 'end') this.ends.push(position)
  }
  get complete(): boolean {
    return this.begins.length > 0 && this.ends.length > 0
  }
  get begin(): Reading | null {
    return this.readings[this.begins[0] ?? -1] ?? null
  }
  get end(): Reading | null {
    return this.readings[this.ends.at(-1) ?? -1] ?? null
  }
  /** End minus begin in watt hours; `null` without both values. */
  get energy(): Decimal | null {
    if (!this.complete) return null
    const [begin, end] = [this.energies[this.begins[0]!], this.energies[this.ends.at(-1)!]]
    return begin && end ? minus(end, begin) : null
  }
  /** Decimal exponent, in watt hours, of the less precise of begin and end. */
  get step(): number {
    return Math.max(...[this.begin!, this.end!].map(({ value, unit }) => (value?.exponent ?? 0) + (EXPONENTS[unit ?? ''] ?? 0)))
  }
  /** The energy in kWh with as many decimals as the less precise of begin and end. */
  get energyText(): string | null {
    const { energy } = this
    if (!energy) return null
    return written(quantized({ units: energy.units, exponent: energy.exponent - 3 }, Math.min(this.step - 3, 0)))
  }
}

/** Reports an event only: neither value nor register. */
export const isEvent = (reading: Reading): boolean =>
  reading.literal === null && reading.value === null && !reading.valueError && !reading.register

const keyOf = ({ direction, point, scope, tariff }: RegisterClass): string => JSON.stringify([direction, point, scope, tariff])

export interface Registers {
  energy: Map<string, Register>
  informative: Map<string | null, Register>
}

export function sortRegisters(readings: Reading[]): Registers {
  const energy = new Map<string, Register>()
  const informative = new Map<string | null, Register>()
  for (const reading of readings) {
    const kind = classify(reading.register)
    const [home, key] = kind.direction === null ? [informative, reading.register] : [energy, keyOf(kind)]
    let register = (home as Map<string | null, Register>).get(key)
    if (!register) (home as Map<string | null, Register>).set(key, (register = new Register(kind)))
    register.add(reading)
  }
  return { energy, informative }
}

/** The complete register that supplies the energy figure. */
export function billingRegister(registers: Map<string, Register>): Register | null {
  let best: Register | null = null
  for (const one of registers.values()) {
    if (!one.complete) continue
    const before = best && (one.kind.rank - best.kind.rank || ((one.kind.tariff ?? '') < (best.kind.tariff ?? '') ? -1 : 0))
    if (before === null || before < 0) best = one
  }
  return best
}
