// Names of quantities and which of them can be stored (#28, #29): asked once.
import { get } from './api'
import { maybe, t } from './words.svelte'

export type Storable = 'pv' | 'lp' | 'dm' | 'ac'

export const catalogue = $state<{ names: Record<number, string>; storable: Record<Storable, number[]> }>({
  names: {},
  storable: { pv: [], lp: [], dm: [], ac: [] },
})

export async function loadCatalogue(): Promise<void> {
  if (Object.keys(catalogue.names).length) return
  const [names, storable] = await Promise.all([
    get<Record<number, string> & { parametermapping?: Record<number, string> }>('/parametermapping'),
    get<Record<Storable, number[]>>('/storablequantities'),
  ])
  catalogue.names = names.parametermapping ?? names
  catalogue.storable = storable
}

const PART = /^(.+?)_(l1_l2|l2_l3|l1_l3|l[123]|neutral|total|tar[1-4]|[1-8])$/
const PARTS: Record<string, string> = { l1: 'L1', l2: 'L2', l3: 'L3', l1_l2: 'L1–L2', l2_l3: 'L2–L3', l1_l3: 'L1–L3', neutral: 'N' }

/** `active_energy_import_l1` to (`active_energy_import`, `l1`); no part: (`frequency`, ''). */
export function split(name: string): [string, string] {
  const match = PART.exec(name)
  return match ? [match[1]!, match[2]!] : [name, '']
}

export function partName(part: string): string {
  if (part === 'total') return t('part.total')
  if (part.startsWith('tar')) return t('tariff.number', { n: part.slice(3) })
  return PARTS[part] ?? part
}

const plain = (name: string): string => {
  const text = name.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A quantity by its name in any case, also the short form of a stored column (`active_import_total`). */
export function nameLabel(name: string): string {
  const [base, part] = split(name.toLowerCase())
  const long = base.replace(/^(active|reactive|apparent)_(import|export|net)$/, '$1_energy_$2')
  const label = maybe(`quantity.${long}`, plain(long))
  return part ? `${label} ${part === 'total' ? t('part.total').toLowerCase() : partName(part)}` : label
}

export const quantityName = (id: number): string => {
  const name = catalogue.names[id]
  return name ? nameLabel(name) : `#${id}`
}
