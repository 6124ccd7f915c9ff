// Every text of the pages in English. German has the same keys; the type checker compares them.
import { codes } from './en-codes'
import { pages } from './en-pages'

export const en = { ...pages, ...codes }
export type Word = keyof typeof en
