// Questions (one at a time, in the middle) and messages (bottom right).
export interface Choice {
  id: string
  label: string
  danger?: boolean
}
export interface Question {
  title: string
  text: string[]
  /** Rows of (name, present value, our value): a conflict shows both. */
  table?: { head: string[]; rows: string[][] }
  choices: Choice[]
}
export interface Message {
  id: number
  kind: 'sent' | 'waiting' | 'failed'
  text: string
  details: string[]
}

export const asking = $state<{ question: Question | null; messages: Message[] }>({ question: null, messages: [] })
let settle: ((id: string) => void) | null = null
const queue: (() => void)[] = []

/** Ask; resolves to the id of the choice, `cancel` for Escape and Cancel (always there, always the default). */
export function ask(question: Question): Promise<string> {
  return new Promise((resolve) => {
    const begin = () => {
      settle = resolve
      asking.question = question
    }
    if (asking.question) queue.push(begin)
    else begin()
  })
}

export function answer(id: string): void {
  const resolve = settle
  settle = null
  asking.question = null
  resolve?.(id)
  queue.shift()?.()
}

let last = 0
/** Show a message; returns what changes it later. Failures stay until they are closed. */
export function say(kind: Message['kind'], text: string, details: string[] = []): (kind: Message['kind'], text: string, details?: string[]) => void {
  const id = ++last
  asking.messages.push({ id, kind, text, details })
  if (kind === 'sent') setTimeout(() => dismiss(id), 6000)
  return (kind, text, details = []) => {
    const message = asking.messages.find((one) => one.id === id)
    if (message) Object.assign(message, { kind, text, details })
    else asking.messages.push({ id, kind, text, details })
    if (kind === 'sent') setTimeout(() => dismiss(id), 6000)
  }
}

export function dismiss(id: number): void {
  asking.messages = asking.messages.filter((message) => message.id !== id)
}
