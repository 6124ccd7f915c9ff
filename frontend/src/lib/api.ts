// The one place that talks to the gateway. JSON both ways, the session cookie goes along by itself.

/** A refusal or a failure, with the text that the gateway gave. Status 0: the gateway was not reached. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly des: string,
    readonly retryAfter: number | null = null,
  ) {
    super(des)
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Called when an answer says that there is no session (any more). */
let ended: () => void = () => {}
export function whenSessionEnds(call: () => void): void {
  ended = call
}

async function failure(answer: Response): Promise<ApiError> {
  const text = await answer.text().catch(() => '')
  let des = ''
  try {
    des = String((JSON.parse(text) as { des?: unknown }).des ?? '')
  } catch {
    // 401 and some 403 come as HTML
  }
  const wait = Number.parseFloat(answer.headers.get('Retry-After') ?? '')
  return new ApiError(answer.status, des || `${answer.status} ${answer.statusText}`.trim(), Number.isNaN(wait) ? null : wait)
}

/** One request. Returns the parsed body, `null` for an empty one. Throws ApiError. */
export async function ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const options: RequestInit = { method, credentials: 'same-origin', cache: 'no-store', headers: { Accept: 'application/json' } }
  if (body instanceof FormData) options.body = body
  else if (body !== undefined) {
    options.body = JSON.stringify(body)
    options.headers = { ...options.headers, 'Content-Type': 'application/json' }
  }
  let answer: Response
  let text: string
  try {
    answer = await fetch(path, options)
    if (answer.status === 401 && path !== '/api/v1/login') ended()
    if (!answer.ok) throw await failure(answer)
    text = await answer.text()
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError(0, '')
  }
  if (!text) return null as T
  return checked<T>(text, answer)
}

/** The body as JSON; a broken one is explained by #91, an error under status 200 (GD-08) is thrown. */
async function checked<T>(text: string, answer: Response): Promise<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw await reason(answer)
  }
  const status = value as { status?: unknown; des?: unknown } | null
  if (status?.status === 'error') throw new ApiError(answer.status, String(status.des ?? ''))
  return value as T
}

async function reason(answer: Response): Promise<ApiError> {
  const id = /\/lasterror\/(\d+)/.exec(answer.headers.get('Link') ?? '')?.[1]
  if (id && id !== '0') {
    try {
      const last = await ask<{ des?: string }>('GET', `/lasterror/${id}`)
      if (last?.des) return new ApiError(500, last.des)
    } catch (error) {
      if (error instanceof ApiError && error.des) return error
    }
  }
  return new ApiError(500, 'JSON parse error')
}

export const get = <T>(path: string): Promise<T> => ask<T>('GET', path)
export const post = <T = null>(path: string, body?: unknown): Promise<T> => ask<T>('POST', path, body)

/** Path of one meter's resources. */
export const meterPath = (serial: string, rest = ''): string => `/meters/${encodeURIComponent(serial)}${rest && `/${rest}`}`
/** The same in the modern interface. */
export const modernPath = (serial: string, rest = ''): string => `/api/v1${meterPath(serial, rest)}`

/** Send a file as the part `image` of a form; `progress` hears of 0..1. Throws ApiError. */
export function upload(path: string, file: File, progress: (part: number) => void): Promise<void> {
  const form = new FormData()
  form.append('image', file, file.name)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total)
    request.onerror = () => reject(new ApiError(0, ''))
    request.onload = () => {
      if (request.status === 401) ended()
      const des = /"des"\s*:\s*"([^"]*)"/.exec(request.responseText)?.[1]
      if (request.status >= 200 && request.status < 300 && des === undefined) resolve()
      else reject(new ApiError(request.status, des ?? `${request.status} ${request.statusText}`))
    }
    request.send(form)
  })
}
