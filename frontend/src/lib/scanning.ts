// What a scan is asked for (#36, 10.2): the boxes of the page to the body, and what is wrong with them.
import { t } from './words.svelte'

export interface Boxes {
  eqbus: { on: boolean; mode: 'range' | 'single'; start: string; end: string; single: string }
  wired: { on: boolean; mode: 'range' | 'single' | 'secondary'; start: string; end: string; single: string; baudrate: number }
  ir: { on: boolean; mode: 'primary' | 'secondary'; baudrate: number }
  modbus: { on: boolean; mode: 'range' | 'single'; start: string; end: string; single: string; urls: string; bus: string }
  rest: { on: boolean; urls: string }
}

export const fresh = (): Boxes => ({
  eqbus: { on: false, mode: 'range', start: '16', end: '48', single: '' },
  wired: { on: false, mode: 'range', start: '1', end: '16', single: '', baudrate: 2400 },
  ir: { on: false, mode: 'primary', baudrate: 2400 },
  modbus: { on: false, mode: 'range', start: '1', end: '247', single: '', urls: '', bus: '' },
  rest: { on: false, urls: '' },
})
export const MBUS_RATES = [300, 600, 1200, 2400, 4800, 9600, 19200, 38400]

const words = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)
const whole = (text: string): number => (/^\d+$/.test(text.trim()) ? Number(text) : NaN)

/** Addresses of one box: the members, or a text that says what is wrong. */
function addresses(box: { mode: string; start: string; end: string; single: string }, limit: number): Record<string, unknown> | string {
  if (box.mode === 'secondary') return { mode: 'secondary' }
  if (box.mode === 'single') {
    const range = words(box.single).map(whole)
    if (!range.length || range.some((one) => !(one >= 0 && one <= limit))) return t('scan.wrong-addresses', { limit })
    return range.length > 10 ? t('scan.too-many') : { range }
  }
  const [start, end] = [whole(box.start), whole(box.end)]
  return start <= end && end <= limit ? { start, end } : t('scan.wrong-range', { limit })
}

function urls(text: string, schemes: string): string[] | string {
  const list = words(text)
  if (list.length > 16 || list.some((url) => !new RegExp(`^(${schemes})://[^\\s/@]+`).test(url))) return t('scan.wrong-urls', { schemes: schemes.replaceAll('|', ', ') })
  return list
}

/** The body of the scan, or what is wrong. */
export function scanBody(boxes: Boxes, token: number): { body?: Record<string, unknown>; wrong?: string } {
  const body: Record<string, unknown> = {}
  const put = (name: string, members: Record<string, unknown> | string, more: Record<string, unknown> = {}) => {
    if (typeof members === 'string') throw new RangeError(members)
    body[name] = { ...members, ...more }
  }
  try {
    if (boxes.eqbus.on) put('eqbus', addresses(boxes.eqbus, 16381))
    if (boxes.wired.on) put('mbus-wired', addresses(boxes.wired, 250), { baudrate: boxes.wired.baudrate })
    if (boxes.ir.on) put('mbus-ir', { mode: boxes.ir.mode }, { baudrate: boxes.ir.baudrate })
    if (boxes.modbus.on) {
      const list = urls(boxes.modbus.urls, 'tcp|tls|rtu|ascii')
      const bus = words(boxes.modbus.bus)
      if (typeof list === 'string') throw new RangeError(list)
      if (!list.length && !bus.length) throw new RangeError(t('scan.no-url'))
      put('modbus', addresses(boxes.modbus, 247), { ...(list.length ? { urls: list } : {}), ...(bus.length ? { bus } : {}) })
    }
    if (boxes.rest.on) {
      const list = urls(boxes.rest.urls, 'https|http')
      if (typeof list === 'string' || !list.length) throw new RangeError(typeof list === 'string' ? list : t('scan.no-url'))
      put('rest', { urls: list })
    }
  } catch (error) {
    if (error instanceof RangeError) return { wrong: error.message }
    throw error
  }
  return Object.keys(body).length ? { body: { ...body, token } } : { wrong: t('scan.nothing') }
}
