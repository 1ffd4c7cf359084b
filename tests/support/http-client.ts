import { Agent, request } from 'node:http'

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The body as JSON. Fails when it is none. */
  json(): Record<string, unknown>
}

/** What {@link HttpClient} sends. A `json` makes it a POST unless `method` says otherwise. */
export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  /** How long the whole exchange may take. Default 60 s. */
  readonly timeoutMs?: number
}

/** Speaks HTTP over one kept-alive connection at a time, as one visitor's browser does. */
export interface HttpClient {
  /** Rejects when the connection breaks or the time is over: {@link NoAnswer} says which. */
  call(url: string, call?: Call): Promise<Answer>
  close(): void
}

/** No complete answer came. `hang`: in time; `broken`: at all, for the connection was refused, reset or cut. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  readonly kind: 'hang' | 'broken'
  constructor(kind: 'hang' | 'broken', cause: unknown) {
    super(`${kind}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.kind = kind
  }
}

/** Opens nothing yet; close it when the test ends. */
export function httpClient(): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return { call: (url, call = {}) => exchange(agent, url, call), close: () => agent.destroy() }
}

function exchange(agent: Agent, url: string, { method, headers, json, timeoutMs = 60_000 }: Call): Promise<Answer> {
  const body = json === undefined ? undefined : Buffer.from(JSON.stringify(json))
  const own = body && { 'content-type': 'application/json', 'content-length': String(body.length) }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method: method ?? (body ? 'POST' : 'GET'), headers: { ...own, ...headers } })
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    const fail = (error: unknown): void => {
      clearTimeout(timer)
      reject(new NoAnswer(isLate ? 'hang' : 'broken', error))
    }
    outgoing.once('error', fail)
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', fail)
      incoming.once('end', () => {
        clearTimeout(timer)
        const text = Buffer.concat(chunks).toString()
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: () => JSON.parse(text) })
      })
    })
    outgoing.end(body)
  })
}
