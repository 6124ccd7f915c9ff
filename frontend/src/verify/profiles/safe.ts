// Predicts S.A.F.E. transparenzsoftware 1.4.1: tables "container", "OCMF record" and "readings". Specification, 3.6.
import { same, toInteger, trim, utf8 } from '../bytes'
import { CURVES, verifies, type PointKey } from '../curves'
import data from '../data.json'
import { compare, rounded, written, type Decimal } from '../decimal'
import { sequence } from '../der'
import { Num, Obj, textOf, type Json } from '../json'
import { pointOn } from '../keys'
import { tokens } from '../obis'
import type { SignedRecord } from '../records'
import { BEGIN, END } from '../sessions'
import { instant, parse } from '../times'
import {
  first, has, lenientIntegers, nested, OcmfText, plain, spkiIn, UNKNOWN, VALID, type Conditions, type Prediction, type Surroundings,
} from './prediction'

const { tables } = data.profiles['safe-1.4.1']
const { bare, labels, texts: TEXTS, readingTexts, curves, compensated: COMPENSATED, relevant: RELEVANT, failed } = data.profiles['safe-1.4.1'].lists
const ENDS = 'ELRAP'
const RELEVANT_ENDINGS = [null, '0', '200', '255', 'ff']
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,\d{3}[+-]\d{4} [UISR]$/

/** The records that stand under one transaction id, in file order. */
interface Values {
  records: SignedRecord[]
  pair: boolean
}

/** The verdict for a session: of its pair, or the worst of its records, each judged alone. */
export async function predict(records: SignedRecord[], surroundings: Surroundings): Promise<Prediction> {
  const [one] = records as [SignedRecord]
  const group = surroundings.transaction(one)
  if (group.length > 1 && /^[ \t\n\v\f\r]*[+-]?[0-9]+[ \t\n\v\f\r]*$/.test(one.transaction ?? ''))
    return surroundings.once(`safe ${one.transaction}`, () => judged({ records: group, pair: true }, surroundings))
  const found: Prediction[] = []
  for (const record of records) found.push(await judged({ records: [record], pair: false }, surroundings))
  return (['refused', 'invalid', 'unknown'] as const).map((verdict) => found.find((one) => one.verdict === verdict)).find(Boolean) ?? VALID
}

async function judged(values: Values, surroundings: Surroundings): Promise<Prediction> {
  const refused = await first(tables.container, CONTAINER, values)
  if (refused) return refused
  const { records } = values
  if (records.some(({ format }) => format !== 'OCMF')) return UNKNOWN
  const key = surroundings.key(records.at(-1)!)
  const texts = records.map((record) => new Text(record, key))
  for (const text of texts) {
    const found = await first(tables.record, RECORD, text)
    if (found) return found
    if (text.record.signature.verdict === 'format-error') return UNKNOWN
  }
  if (texts.length > 1) texts.sort((one, two) => Number(one.record.context === END) - Number(two.record.context === END))
  else if (!isWhole(texts[0]!)) return VALID
  return (await first(tables.readings, READINGS, new Chosen(texts))) ?? VALID
}

/** A record with the key that it is verified with: of a pair, that of the last value. */
class Text extends OcmfText {
  constructor(
    record: SignedRecord,
    readonly key: string | null,
  ) {
    super(record)
  }
  /** The curve of SA by the name that the program gives it. */
  get curve(): string {
    return (this.algorithm.split('-')[1] ?? '').toLowerCase().replace(/^brainpool(?!p)/, 'brainpoolp')
  }
  get spki(): Uint8Array | null {
    return this.key === null ? null : spkiIn(this.key)
  }
  /** The point of the key on the curve of SA, whatever curve the key names. */
  get point(): PointKey | null {
    const curve = CURVES.find(({ name }) => name.toLowerCase() === this.curve)
    const parts = curve && this.spki && sequence(this.spki)
    return curve && parts?.length ? pointOn(curve, parts.at(-1)!.content.subarray(1)) : null
  }
}

const isEnd = (code: Json | undefined): boolean => typeof code === 'string' && code.length === 1 && ENDS.includes(code)
const isWhole = (text: Text): boolean =>
  text.get('PG').startsWith('T') && text.readings.some((one) => one.get('TX') === 'B') && text.readings.some((one) => isEnd(one.get('TX')))

// -- container

const CONTAINER: Conditions<Values> = {
  'P-S-FORMAT': ({ records }) =>
    records.some(({ format, signature }) => ['BSM', 'EMH', 'GDF', 'ChargePoint'].includes(format) || /^(?:EdDSA|ML-DSA)/.test(signature.algorithm ?? '')),
  'P-S-CONTAINER': ({ records }) => records.some(({ container }) => !bare.includes(container)),
  'P-S-XML': ({ records }) => records.some((record) => has(record, 'F-XML-NAMESPACE', 'F-XML-FRAGMENT')),
  'P-S-MIXED': ({ records }) => new Set(records.map(({ stated }) => stated.label)).size > 1,
  'P-S-EMPTY': ({ records }) => records.some((record) => has(record, 'F-EMPTY')),
  'P-S-NOKEY'({ records }) {
    const record = records.at(-1)!
    const { verdict, keySource } = record.signature
    const lent = has(record, 'F-KEY-SHARED') && keySource !== 'trusted'
    return verdict === 'no-key' || lent || (record.format === 'OCMF' && keySource === 'embedded')
  },
  'P-S-PAIR'({ records, pair }) {
    const labelled = (context: string): number => records.filter((record) => record.context === context).length
    return pair && (labelled(BEGIN) !== 1 || labelled(END) !== 1 || records.some(({ stated }) => stated.label === null || !labels.includes(stated.label)))
  },
}

// -- OCMF record

/** A number as another program reads it; `null` for everything else. */
export function number(value: Json | undefined): Decimal | null {
  const text = textOf(value)
  const match = text === null ? null : /^([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:[eE]([+-]?[0-9]{1,18}))?$/.exec(trim(text).replaceAll('_', ''))
  if (!match) return null
  const [, sign, whole = '', fraction = '', only = '', power = '0'] = match
  const digits = whole + fraction + only
  return { units: sign === '-' ? -BigInt(digits) : BigInt(digits), exponent: Number(power) - fraction.length - only.length }
}

const LOWEST: Decimal = { units: 1n, exponent: -1 }
const HIGHEST: Decimal = { units: 13n, exponent: -1 }
const MIDDLE: Decimal = { units: 5n, exponent: -1 }

function wrongTypes({ payload, entries, readings }: Text): boolean {
  if (TEXTS.some((name) => nested(payload.get(name)))) return true
  const flags = payload.get('IF') ?? null
  const loss = payload.get('LC') ?? null
  if ((flags !== null && !Array.isArray(flags)) || (loss !== null && !(loss instanceof Obj))) return true
  if (!entries || entries.length !== readings.length) return true
  return readings.some((reading) => {
    const value = reading.get('RV') ?? null
    return readingTexts.some((name) => nested(reading.get(name))) || (value !== null && number(value) === null)
  })
}

async function notVerified(text: Text): Promise<boolean> {
  const { record } = text
  const { verdict, algorithm, publicKey } = record.signature
  const { spki } = text
  const changed = has(record, 'F-PAYLOAD-TRIM', 'F-UTF8', 'F-XML-ENCODING')
  if (verdict === 'valid' && algorithm?.endsWith('SHA256') && spki && publicKey && same(spki, publicKey) && !changed) return false
  const key = text.point
  const found = lenientIntegers(text.signatureBytes)
  if (!key || !found) return true
  const [r, s] = found.integers.map(toInteger) as [bigint, bigint]
  const { order } = key.curve
  if (!(r > 0n && r < order && s > 0n && s < order)) return true
  return !(await verifies(key, 'sha256', utf8(text.parts[1]!), r, s))
}

const RECORD: Conditions<Text> = {
  'P-S-SPLIT': ({ parts }) => parts[0] !== 'OCMF' || parts.length < 3 || parts.slice(1, 3).some((one) => !/^\{[^]*\}$/.test(trim(one))),
  'P-S-DUPKEY': ({ repeated }) => repeated,
  'P-S-FV'({ payload }) {
    const version = number(payload.get('FV'))
    return !version || compare(version, LOWEST) < 0 || compare(version, HIGHEST) > 0
  },
  'P-S-TYPE': wrongTypes,
  'P-S-SA': ({ algorithm }) => algorithm.split('-').length !== 3 || !algorithm.startsWith('ECDSA-'),
  'P-S-CURVE': ({ curve }) => !curves.includes(curve),
  'P-S-SE'({ signature, signatureBytes }) {
    const encoding = signature.has('SE') ? plain(signature.get('SE')) : 'hex'
    return !['hex', 'base64', 'base32', 'plain'].includes(encoding as string) || signatureBytes === null
  },
  'P-S-KEY': ({ key, spki }) => key !== null && spki === null,
  'P-S-POINT': ({ key, point }) => key !== null && point === null,
  'P-S-SIG'({ signatureBytes }) {
    const found = lenientIntegers(signatureBytes)
    return !found || found.integers.some(([one, two]) => one === undefined || (two !== undefined && (one === 0 ? two < 0x80 : one === 0xff && two >= 0x80)))
  },
  'P-S-HASH': notVerified,
  'P-S-PG': (text) => [...text.get('PG')].length < 2,
}

// -- readings

/** Quantity and last group of a relevant code; nothing for codes that the program does not understand. */
function register(reading: Obj): [string | null, string | null] {
  const text = reading.get('RI')
  const groups = typeof text === 'string' && /[.:]/.test(text) ? tokens(text) : null
  return groups && groups[0] === '1' && groups[3] === '8' ? [groups[2]!, groups[5]!] : [null, '-']
}

const isCompensated = (reading: Obj): boolean => COMPENSATED.includes(register(reading)[0]!)
function isRelevant(reading: Obj): boolean {
  const [quantity, ending] = register(reading)
  return COMPENSATED.includes(quantity!) || (RELEVANT.includes(quantity!) && RELEVANT_ENDINGS.includes(ending))
}

/** The readings it compares: only relevant registers, and of those only compensated ones if there are any. */
class Chosen {
  readonly sides: Obj[][]
  readonly readings: Obj[]
  readonly begins: Obj[]
  readonly ends: Obj[]

  constructor(readonly texts: Text[]) {
    this.sides = texts.map(({ readings }) => readings.filter(isRelevant))
    const every = this.sides.flat()
    const compensated = every.filter(isCompensated)
    this.readings = compensated.length ? compensated : every
    this.begins = this.readings.filter((one) => one.get('TX') === 'B')
    this.ends = this.readings.filter((one) => isEnd(one.get('TX')))
  }
  /** The begin and the end that are compared. */
  get both(): [Obj, Obj] {
    return [this.begins[0]!, this.ends[0]!]
  }
  /** ST goes on from the chosen reading before. */
  status(reading: Obj): Json | undefined {
    let value: Json | undefined
    for (const other of this.readings) {
      if (other.has('ST')) value = other.get('ST')
      if (other === reading) break
    }
    return value
  }
  get pair(): [Text, Text] | null {
    return this.texts.length > 1 ? [this.texts[0]!, this.texts.at(-1)!] : null
  }
}

function moment(reading: Obj): number | null {
  const text = textOf(reading.get('TM')) ?? ''
  const time = TIME.test(text) ? parse(text).time : null
  return time && instant(time)
}
function clock(reading: Obj): string {
  const text = textOf(reading.get('TM')) ?? ''
  return / [UISR]$/.test(text) ? text.at(-1)! : ''
}

function lists({ pair, sides }: Chosen): boolean {
  if (!pair) return false
  const [begin, end] = [sides[0]!, sides.at(-1)!].map((side) =>
    side.flatMap((reading) => {
      const value = number(reading.get('RV'))
      return value ? [rounded({ ...value, exponent: value.exponent - (reading.get('RU') === 'kWh' ? 0 : 3) })] : []
    }),
  ) as [Decimal[], Decimal[]]
  if (!begin.length || !end.length) return true
  const highest = begin.reduce((one, two) => (compare(two, one) > 0 ? two : one))
  const lowest = end.reduce((one, two) => (compare(two, one) < 0 ? two : one))
  return compare(highest, lowest) > 0
}

const READINGS: Conditions<Chosen> = {
  'P-S-CONTEXT': ({ pair }) => pair !== null && (pair[0].readings.some((one) => isEnd(one.get('TX'))) || pair[1].readings.some((one) => one.get('TX') === 'B')),
  'P-S-FIRST': ({ readings: [one] }) => one !== undefined && !(one.has('ST') && one.has('RU')),
  'P-S-MULTI': ({ begins, ends }) => begins.length > 1 || ends.length > 1,
  'P-S-NONE': ({ begins, ends }) => !begins.length || !ends.length,
  'P-S-VALUE'({ both }) {
    const [begin, end] = both.map((one) => number(one.get('RV')))
    return Boolean(begin && end && compare(begin, end) > 0)
  },
  'P-S-TIME'({ both }) {
    const [begin, end] = both.map(moment)
    return begin != null && end != null && begin > end
  },
  'P-S-IL'({ texts }) {
    const late = texts.every((text) => number(text.payload.get('FV')) === null || text.get('FV') >= '0.5')
    return texts.some((text) => failed.includes(textOf(text.payload.get(late ? 'IL' : 'IS')) ?? ''))
  },
  'P-S-ST': (chosen) => chosen.both.some((one) => chosen.status(one) !== 'G'),
  'P-S-CLOCK'({ both }) {
    const [begin, end] = both.map(clock)
    return !begin || (begin === 'R' && end !== 'R')
  },
  'P-S-EI'({ texts, both: [begin, end] }) {
    const version = number(texts[0]!.payload.get('FV'))
    const stated = plain(end.get('EI'))
    return version !== null && compare(version, MIDDLE) < 0 && stated !== null && stated !== plain(begin.get('EI'))
  },
  'P-S-EF': ({ both }) => both.some((one) => (textOf(one.get('EF')) ?? '').includes('E')),
  'P-S-LIST': lists,
}
