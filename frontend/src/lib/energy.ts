// Energy since local midnight: the last value minus the first one of the day, exactly.
import { get, modernPath } from './api'
import { minus } from './decimal'
import type { LiveValue } from './live.svelte'

export const IMPORT = 'active_energy_import_total'

/** The first value of the day of a meter, `null` where there is none. */
export async function atMidnight(serial: string): Promise<string | null> {
  const midnight = new Date()
  midnight.setHours(0, 0, 0, 0)
  try {
    const answer = await get<{ items: { values: Record<string, LiveValue> }[] }>(
      `${modernPath(serial, 'readings')}?quantity=${IMPORT}&from=${midnight.toISOString()}&limit=1`,
    )
    return answer.items[0]?.values[IMPORT]?.value ?? null
  } catch {
    return null
  }
}

/** Calls for many things, a few at a time. */
export async function each<T>(things: T[], call: (thing: T) => Promise<void>, atOnce = 4): Promise<void> {
  const waiting = [...things]
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let thing = waiting.shift(); thing !== undefined; thing = waiting.shift()) await call(thing)
    }),
  )
}

export function today(first: string | null | undefined, last: LiveValue | undefined): string | null {
  if (!first || !last?.value) return null
  const used = minus(last.value, first)
  return used === null || used.startsWith('-') ? null : used
}
