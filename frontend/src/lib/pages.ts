// The pages of a meter: which resources each needs (any of them) or what else, and what can be sent from it, in page
// order (G-459).
import { days, seasons, specials, weeks } from '../forms/calendar'
import { clock, factors, ratio, resettable, tariff } from '../forms/general'
import { alarms, lines, pulses } from '../forms/ports'
import { demand, previous, profile } from '../forms/storing'
import type { Resource } from './drafts.svelte'
import type { MeterRow } from './site.svelte'

export interface MeterPage {
  id: string
  needs: number[] | ((meter: MeterRow) => boolean)
  writes: Resource[]
  tabs?: string[]
}

export const METER_PAGES: MeterPage[] = [
  { id: 'live', needs: [54, 59, 60, 50, 49], writes: [] },
  { id: 'general', needs: [48, 82, 57, 45, 42], writes: [ratio, tariff, resettable, factors, clock] },
  { id: 'previous', needs: [69], writes: [previous], tabs: ['rows', 'configuration'] },
  { id: 'profile', needs: [73], writes: [profile], tabs: ['rows', 'configuration'] },
  { id: 'demand', needs: [77], writes: [demand], tabs: ['rows', 'configuration'] },
  { id: 'tariff', needs: [83], writes: [days, weeks, seasons, specials], tabs: ['day', 'week', 'season', 'special'] },
  { id: 'io', needs: [63, 64], writes: [lines] },
  { id: 'pulse', needs: [65], writes: [pulses] },
  { id: 'alarms', needs: [52], writes: [alarms] },
  { id: 'logs', needs: [51], writes: [] },
  { id: 'corrections', needs: [54], writes: [] },
  { id: 'sessions', needs: (meter) => meter.signs, writes: [] },
]

export const pagesOf = (meter: MeterRow): MeterPage[] =>
  METER_PAGES.filter((page) =>
    typeof page.needs === 'function' ? page.needs(meter) : page.needs.some((number) => meter.resources.includes(number)),
  )

export const writesOf = (page: MeterPage, meter: MeterRow): Resource[] => page.writes.filter((one) => meter.resources.includes(one.number))
export const METER_ORDER = METER_PAGES.flatMap((page) => page.writes.map((one) => one.id))
export const ownerOf = (serial: string): string => `meter/${serial}`
