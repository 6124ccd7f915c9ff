// Edit, Save, Send (G-403). A draft is one resource as this page edits it: `base` as it was read when the edit began,
// `saved` what Save has kept, `edited` what the fields show. Drafts live as long as the page, also through a new login.
import { ApiError, get } from './api'
import { minus } from './decimal'
import { problem, type Context, type Field } from './fields'

export interface Request {
  method: 'POST' | 'PUT' | 'DELETE'
  path: string
  body?: unknown
}
/** Plain data: what fields edit. */
export type Model = any

/** A list of rows in a model. `fixed`: rows are not added or removed. `blank`: a new row, null if there is room for none. */
export interface List {
  name: string
  fields: Field[]
  max: number
  fixed?: boolean
  blank?: (rows: Model[], context: Context) => Model | null
}

export interface Resource {
  id: string
  /** Number of the resource that writes it (section 2). */
  number: number
  /** Path that is read, given the serial of the meter. */
  path: (serial: string) => string
  /** Read more than one path. */
  load?: () => Promise<Model>
  /** Answer to what is edited. */
  read: (document: Model) => Model
  /** What to send to come from one to the other; `document` has just been read. */
  requests: (base: Model, edited: Model, serial: string, document: Model) => Request[]
  /** A question (text, or the key of one) before it is sent, where it destroys something. */
  question?: (base: Model, edited: Model) => string | null
  fields?: Field[]
  list?: List
  /** What is wrong with the whole, beyond its fields. */
  check?: (model: Model, context: Context) => string | null
  /** Members that are orders, not states (a time to set, a register to reset): they never read as sent. */
  orders?: string[]
  /** Every member is sent by itself: what others did to another one does not matter. */
  separate?: boolean
}

export const clone = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))

const NONE: ReadonlySet<string> = new Set()
const isObject = (value: unknown): value is Model => value !== null && typeof value === 'object'
const keysOf = (left: Model, right: Model): string[] => [...new Set([...Object.keys(left), ...Object.keys(right)])]

/** Are two values the same? `decimals`: members whose texts are numbers, 0.25 is 0.250. */
export function same(left: Model, right: Model, decimals = NONE, name = ''): boolean {
  if (left === right) return true
  if (decimals.has(name)) return /^-?0*\.?0*$/.test(minus(String(left), String(right)) ?? 'x')
  return isObject(left) && isObject(right) && keysOf(left, right).every((key) => same(left[key], right[key], decimals, key))
}

/** Paths of the members that differ; a list of rows counts one for each row. */
export function differences(left: Model, right: Model, decimals = NONE): string[] {
  return keysOf(left, right).flatMap((key) => {
    const [one, two] = [left[key], right[key]]
    if (!Array.isArray(one) || !Array.isArray(two)) return same(one, two, decimals, key) ? [] : [key]
    return keysOf(one, two).filter((index) => !same(one[Number(index)], two[Number(index)], decimals)).map((index) => `${key}.${index}`)
  })
}

/** Everything wrong with a model. */
export function problemsOf(resource: Resource, model: Model, serial: string): string[] {
  const context = { serial, model }
  const rows: Model[] = resource.list ? model[resource.list.name] : []
  const found = [
    ...(resource.fields ?? []).map((field) => problem(field, model, context)),
    ...rows.flatMap((row) => resource.list!.fields.map((field) => problem(field, row, context))),
    resource.check?.(model, context) ?? null,
  ]
  return found.filter((text): text is string => text !== null)
}

export class Draft {
  base = $state.raw<Model>(null)
  saved = $state.raw<Model>(null)
  edited = $state<Model>(null)
  /** The whole answer as last read. */
  document = $state.raw<Model>(null)
  /** Members that read other than they were sent. */
  odd = $state<string[]>([])
  trouble = $state('')
  loading = $state(false)

  constructor(
    readonly resource: Resource,
    readonly owner: string,
    readonly serial: string,
  ) {}

  /** Members that are decimal numbers. */
  get decimals(): ReadonlySet<string> {
    const fields = [...(this.resource.fields ?? []), ...(this.resource.list?.fields ?? [])]
    return new Set(fields.filter((field) => field.kind === 'decimal').map((field) => field.name))
  }

  // Getters and no derived values: a draft outlives the component in which it was made.
  get changed(): string[] {
    return this.base === null ? [] : differences(this.base, this.edited, this.decimals)
  }

  get unsaved(): string[] {
    return this.base === null ? [] : differences(this.saved, this.edited, this.decimals)
  }

  get kept(): string[] {
    return this.base === null ? [] : differences(this.base, this.saved, this.decimals)
  }

  get problems(): string[] {
    return this.base === null ? [] : problemsOf(this.resource, this.edited, this.serial)
  }

  /** Read it, unless an edit is under way. Throws nothing: `trouble` says what happened. */
  async load(): Promise<void> {
    if (this.changed.length || this.loading) return
    this.loading = true
    try {
      const model = await this.fetch()
      // Somebody may have begun to edit what was there while this was read.
      if (!this.changed.length) this.take(model)
      this.trouble = ''
    } catch (error) {
      this.trouble = error instanceof ApiError ? error.des : String(error)
    } finally {
      this.loading = false
    }
  }

  async fetch(): Promise<Model> {
    this.document = await (this.resource.load?.() ?? get(this.resource.path(this.serial)))
    return this.resource.read(this.document)
  }

  /** All three become this. */
  take(model: Model): void {
    this.base = clone(model)
    this.saved = clone(model)
    this.edited = clone(model)
  }

  /** A newer state of the gateway under an edit that goes on. */
  rebase(model: Model): void {
    this.base = clone(model)
  }

  save(): void {
    this.saved = clone($state.snapshot(this.edited))
  }

  discard(): void {
    this.edited = clone(this.saved)
  }

  /** Take back what was saved, too. */
  undo(): void {
    this.saved = clone(this.base)
    this.edited = clone(this.base)
  }

  requests(): Request[] {
    return this.resource.requests(this.base, $state.snapshot(this.edited), this.serial, this.document)
  }
}

const drafts = $state<Record<string, Draft>>({})

/** The draft of a resource of an owner (`segment`, or `meter/SERIAL`); always the same one. */
export function draftOf(resource: Resource, owner: string, serial = ''): Draft {
  const key = `${owner}/${resource.id}`
  const known = existing(key)
  if (known) return known
  const made = new Draft(resource, owner, serial)
  register(key, made)
  return made
}

const all = new Map<string, Draft>()
const existing = (key: string): Draft | undefined => all.get(key)
function register(key: string, draft: Draft): void {
  all.set(key, draft)
  // What depends on the list of drafts (badges) must hear of a new one, but not while it is being drawn.
  queueMicrotask(() => (drafts[key] = draft))
}

export const draftsOf = (owner: string): Draft[] => Object.values(drafts).filter((draft) => draft.owner === owner)

addEventListener('beforeunload', (event) => {
  if ([...all.values()].some((draft) => draft.changed.length)) event.preventDefault()
})
