// Every text of the pages in German.
import { codes } from './de-codes'
import { pages } from './de-pages'
import type { Word } from './en'

export const de: Record<Word, string> = { ...pages, ...codes }
