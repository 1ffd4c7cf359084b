import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it goes over the wire: the target and the fields are sent as they are. */
export interface WireRequest {
  readonly method: string
  readonly target: string
  /** Name, value, name, value. */
  readonly fields: readonly string[]
  readonly body?: Buffer | undefined
}

export interface WireAnswer {
  readonly status: number
  readonly type: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export interface Wire {
  /** Rejects when the server gives no answer: it crashed, hung, or cut the connection. */
  send(request: WireRequest): Promise<WireAnswer>
  close(): void
}

export function openWire(port: AddressInfo['port']): Wire {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  return { send: (wireRequest) => send(agent, port, wireRequest), close: () => agent.destroy() }
}

function send(agent: Agent, port: number, { method, target, fields, body }: WireRequest): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined && method === 'GET' ? [] : ['content-length', String(body?.length ?? 0)]
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port,
      method,
      path: target,
      headers: ['host', 'localhost', ...length, ...fields],
    })
    outgoing.setTimeout(10_000, () => outgoing.destroy(new Error('no answer in time')))
    outgoing.once('error', (error) => reject(new Error(`${method} ${target}: ${error.message}`, { cause: error })))
    outgoing.once('response', (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', reject)
      incoming.once('end', () => {
        const { statusCode = 0, headers } = incoming
        resolve({
          status: statusCode,
          type: headers['content-type'] ?? '',
          headers,
          text: Buffer.concat(chunks).toString(),
        })
      })
    })
    outgoing.end(body)
  })
}
