// Rows as a file for a spreadsheet: RFC 4180, UTF-8 with a mark, decimal points untouched.
const cell = (text: string): string => {
  // A text that a spreadsheet would take for a formula is kept a text; numbers stay numbers.
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export const csv = (rows: string[][]): string => rows.map((row) => row.map(cell).join(',') + '\r\n').join('')

export function download(name: string, rows: string[][]): void {
  save(name, new Blob(['\ufeff', csv(rows)], { type: 'text/csv' }))
}

export function save(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name.replace(/[^\w.-]+/g, '-')
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10000)
}
