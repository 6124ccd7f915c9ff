// Texts of the pages in the language of the reader: dictionaries in words/, chosen by the browser, switched by hand.
import { de } from '../words/de'
import { en, type Word } from '../words/en'

export type { Word }
export type Language = 'en' | 'de'

const DICTIONARIES: Record<Language, Record<Word, string>> = { en, de }
const KEPT = 'wattproof-language'

function preferred(): Language {
  const kept = localStorage.getItem(KEPT)
  if (kept === 'en' || kept === 'de') return kept
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith('de')) && !navigator.language.startsWith('en') ? 'de' : 'en'
}

const first = preferred()
let language = $state<Language>(first)
document.documentElement.lang = first

export const current = (): Language => language

export function choose(wanted: Language): void {
  language = wanted
  localStorage.setItem(KEPT, wanted)
  document.documentElement.lang = wanted
}

/** The text of a key; `{name}` is replaced by the value of that name. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  return DICTIONARIES[language][word].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** The text of a key made at run time, or the fallback where there is no such key. */
export function maybe(word: string, fallback: string): string {
  return word in en ? t(word as Word) : fallback
}
