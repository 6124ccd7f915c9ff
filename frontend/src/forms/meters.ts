// Segment, Device registration: what is registered and what a scan has found, as one map by serial (#31 to #37).
import { get } from '../lib/api'
import { differences, type Model, type Request, type Resource } from '../lib/drafts.svelte'
import type { MeterRow } from '../lib/site.svelte'
import { t } from '../lib/words.svelte'

export interface Found {
  token: number
  serial: string
  protocol: string
  address: string
  family?: string
}
export interface Scan {
  scanresult: Found[]
  scancomplete: number
  progress?: number
}
export interface Registered {
  alias: string
  location: string
  protocol: number
  address: string | number
  label: string
  origin: string
  /** Found by a scan and not registered. */
  found: boolean
  /** Wanted: to be registered, or still registered. */
  wanted: boolean
}

async function load(): Promise<{ meters: MeterRow[]; scan: Scan | null }> {
  // Only a gateway admin may see what a scan has found.
  const [list, scan] = await Promise.all([get<{ meters: MeterRow[] }>('/api/v1/meters'), get<Scan>('/meters/scanned').catch(() => null)])
  return { meters: list.meters, scan }
}

function requestFor(serial: string, before: Registered | undefined, after: Registered): Request | null {
  const body = { alias: after.alias, location: after.location, serial }
  const path = `/meters/${encodeURIComponent(serial)}`
  if (after.found) {
    if (after.wanted) return { method: 'PUT', path: '/meters', body }
    return before?.wanted === false ? null : { method: 'DELETE', path: '/meters/scanned', body: { scanned: [{ serial }] } }
  }
  return after.wanted ? { method: 'POST', path, body } : { method: 'DELETE', path }
}

export const registration: Resource = {
  id: 'registration',
  number: 33,
  path: () => '/api/v1/meters',
  load,
  read: ({ meters, scan }: { meters: MeterRow[]; scan: Scan | null }) => {
    const rows: Record<string, Registered> = {}
    for (const { serial, alias, location, protocol, address, label, origin } of meters)
      rows[serial] = { alias, location, protocol, address, label, origin, found: false, wanted: true }
    for (const { serial, protocol, address, family } of scan?.scanresult ?? [])
      rows[serial] ??= { alias: serial.slice(-20), location: 'Unknown', protocol: Number(protocol), address, label: family ?? '', origin: 'api', found: true, wanted: false }
    return rows
  },
  requests: (base, edited) =>
    differences(base, edited)
      .map((serial) => requestFor(serial, base[serial], edited[serial]))
      .filter((request): request is Request => request !== null),
  question: (base: Model, edited: Model) => {
    const dropped = Object.keys(base).filter((serial) => base[serial].wanted && !edited[serial]?.wanted)
    return dropped.length ? t('question.delete-meters', { names: dropped.map((serial) => base[serial].alias || serial).join(', ') }) : null
  },
  check: (model: Model) => {
    const fits = (text: string, length: number) => text !== '' && [...text].length <= length
    const wrong = Object.values<Registered>(model).some((row) => row.wanted && !(fits(row.alias, 20) && fits(row.location, 50)))
    return wrong ? t('problem.names') : null
  },
  separate: true,
}
