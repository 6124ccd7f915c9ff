// What an engine of the gateway adds to a meter is not among the live values: tariff registers, CO2 and currency come
// with the resources #54 and #55, and are shown where the meter itself has none.
import { get, meterPath } from './api'
import type { LiveValue, Values } from './live.svelte'
import type { MeterRow } from './site.svelte'

type Pair = [string | null, string | null]
type Energy = Record<string, Record<string, Pair>>

const WAYS: Record<string, string> = { importenergy: 'import', exportenergy: 'export', netenergy: 'net' }
const value = ([text, unit]: Pair): LiveValue => ({ value: text, unit, quality: 'good', time: new Date().toISOString() })

/** Active energy of #54 and what #55 makes of it, by the names of quantities. */
export async function composed(meter: MeterRow): Promise<Values> {
  const found: Values = {}
  const energy = meter.resources.includes(54) ? await get<Energy>(meterPath(meter.serial, 'energy/active')).catch(() => ({})) : {}
  for (const [member, parts] of Object.entries<Record<string, Pair>>(energy))
    for (const [part, pair] of Object.entries(parts)) found[`active_energy_${WAYS[member]}_${part.replace(/^t(\d)$/, 'tar$1')}`] = value(pair)
  if (meter.resources.includes(55))
    for (const [mode, name] of [['co2', 'nrg_energy_value_co2'], ['currency', 'nrg_energy_value_curr']] as const) {
      const answer = await get<Energy>(meterPath(meter.serial, `energy/active/${mode}`)).catch(() => null)
      if (answer?.importenergy?.total) found[name] = value(answer.importenergy.total)
    }
  return found
}
