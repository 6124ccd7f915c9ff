// The gateway and its meters, as far as this user may see them.
import { get } from './api'
import { place } from './route.svelte'

export interface MeterRow {
  serial: string
  alias: string
  location: string
  family: string
  label: string
  protocol: number
  address: string | number
  bus: string
  status: number
  origin: string
  quantities: string[]
  resources: number[]
  signs: boolean
}
export interface Gateway {
  serial: string
  alias: string
  location: string
}

export const site = $state<{ loaded: boolean; gateway: Gateway; meters: MeterRow[] }>({
  loaded: false,
  gateway: { serial: '', alias: '', location: '' },
  meters: [],
})

export async function loadSite(): Promise<void> {
  const [gateway, list] = await Promise.all([get<Gateway>('/gateway'), get<{ meters: MeterRow[] }>('/api/v1/meters')])
  site.gateway = gateway
  site.meters = list.meters
  site.loaded = true
}

export const meterOf = (serial: string | undefined): MeterRow | undefined => site.meters.find((meter) => meter.serial === serial)
export const nameOf = (meter: MeterRow): string => meter.alias || meter.serial
export const locations = (): string[] => [...new Set(site.meters.map((meter) => meter.location))].sort((a, b) => a.localeCompare(b))
export const metersAt = (location: string | null): MeterRow[] =>
  location === null ? site.meters : site.meters.filter((meter) => meter.location === location)

/** The location whose meters the list shows: of the address, of the chosen meter, else all. */
export function chosenLocation(): string | null {
  if (place.menu === 'location' && place.parts[0] !== undefined) return place.parts[0]
  if (place.menu === 'meter' && place.parts[0] !== undefined && place.at === null) return meterOf(place.parts[0])?.location ?? null
  return place.at
}
