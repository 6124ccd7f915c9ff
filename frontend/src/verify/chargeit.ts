// The charging-station JSON container of chargeIT, which Chargy reads: one charging session. Specification, 2.9.
import { utf8, whole } from './bytes'
import { read as readSnapshot, type Surroundings } from './bsm'
import { first, Obj, pathText, repeatedFindings, repeatedKeys, type Json } from './json'
import { LIMITS } from './limits'
import { isUnit, MOST_FINDINGS, stopped, type Carrier, type Item } from './records'

const CONTAINER = 'chargeIT-JSON'
const CONTEXTS = /^https:\/\/(?:[a-z0-9-]+\.)*(?:chargeit-mobility\.com|lichtblick\.de|eneco\.com)\/contexts\/charging-station-json-v/i
const SNAPSHOT = /bsm-ws36a-json-v[01]/i

export function detect(document: Json): document is Obj {
  if (!(document instanceof Obj) || !Array.isArray(document.get('signedMeterValues'))) return false
  const context = document.get('@context') ?? null
  return context === null ? document.has('placeInfo') : typeof context === 'string' && CONTEXTS.test(context)
}

/** Every signed value of the container, in file order; at least one item. */
export function read(document: Obj, carrier: Carrier): Item[] {
  const name = document.get('@id')
  const inside = { ...carrier, container: CONTAINER, session: typeof name === 'string' ? name : carrier.session }
  const values = document.get('signedMeterValues') as Json[]
  if (!values.length) return [stopped('unknown', 'F-EMPTY', 'the container holds no signed value', inside)]
  if (values.length > LIMITS.units) return [stopped('unknown', 'F-SIZE', `${values.length} signed values in one document`, inside)]
  const around = surroundingsOf(document)
  const items = values.map((value, position) => itemOf(value, inside, around, `/signedMeterValues/${position}`))
  noteRepeated(document, values, items)
  return items
}

/** Keys that occur more than once: those of a value at its record, those around the values at the first one. */
function noteRepeated(document: Obj, values: Json[], items: Item[]): void {
  const around = new Obj()
  for (const [key, value] of document.fields) around.fields.set(key, key === 'signedMeterValues' ? null : value)
  around.repeated = document.repeated
  const shared = first(repeatedKeys(around), 1).map(pathText)
  let noted = false
  for (const [position, item] of items.entries()) {
    if (!isUnit(item)) continue
    const { record } = item
    if (!noted) record.findings.push(...repeatedFindings(repeatedKeys(around)))
    noted = true
    const where = `/signedMeterValues/${position}/`
    record.findings.push(...repeatedFindings(repeatedKeys(values[position]!), where))
    record.ambiguous = [...shared, ...first(repeatedKeys(values[position]!), MOST_FINDINGS).map((path) => where + pathText(path))]
  }
}

function surroundingsOf(document: Obj): Surroundings {
  const get = (holder: string, name: string): string | null => {
    const found = document.get(holder)
    const text = found instanceof Obj ? found.get(name) : null
    return typeof text === 'string' ? text : null
  }
  return {
    evse: get('chargePointInfo', 'evseId') || get('placeInfo', 'evseId'),
    controllerVersion: get('chargingStationInfo', 'controllerSoftwareVersion'),
  }
}

function itemOf(value: Json, inside: Carrier, around: Surroundings, where: string): Item {
  if (!(value instanceof Obj)) return stopped('unknown', 'F-FORMAT', 'the signed value is no object', inside, { where })
  const context = value.get('@context')
  if (typeof context === 'string' && SNAPSHOT.test(context)) return readSnapshot(value, inside, around, where)
  if ([context, value.get('format')].some((text) => typeof text === 'string' && text.startsWith('ALFEN'))) {
    const payload = value.get('payload')
    if (typeof payload !== 'string' || !payload.trim()) return stopped('ALFEN', 'F-EMPTY', 'the payload is missing or empty', inside, { where })
    return { content: utf8(whole(payload)), carrier: { ...inside, label: 'ALFEN' }, decoded: null }
  }
  return elsewhere('EMH', 'a reading of an EMH meter', inside)
}

/** A unit that says which format this is, and that this page does not read it. */
export function elsewhere(format: string, name: string, inside: Carrier): Item {
  const where = format === 'unknown' ? inside.container : format
  return stopped(format, 'F-EXTRA', `this is ${name}, which this page does not read: use \`wattproof verify\``, inside, {
    where,
    verdict: 'unsupported',
    reason: 'V-ALG',
    severity: 'info',
  })
}
