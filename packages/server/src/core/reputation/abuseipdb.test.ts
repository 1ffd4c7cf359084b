import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ClientAddress, parseClientAddress } from '@rempart/guard'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAbuseIpDb } from './abuseipdb.ts'
import { ReputationServiceError } from './service.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let answer: Answer
let url: string
let requests: IncomingMessage[]

beforeEach(async () => {
  requests = []
  server = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function address(text: string): ClientAddress {
  const found = parseClientAddress(text)
  if (found === undefined) throw new Error(`${text} is no address`)
  return found
}

const ask = (timeoutMs = 1_000, signal = new AbortController().signal) =>
  createAbuseIpDb({ url, key: 'a key of this test', timeoutMs }).lookup(address('203.0.113.7'), signal)

const say =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))

const report = (members: object) => ({ data: { ipAddress: '203.0.113.7', isWhitelisted: null, ...members } })

describe('createAbuseIpDb', () => {
  it('asks as the service wants to be asked, and reads its score', async () => {
    answer = say(report({ abuseConfidenceScore: 87, countryCode: 'FR' }))
    await expect(ask()).resolves.toEqual({ score: 87, source: 'abuseipdb' })
    const [request] = requests
    expect(request?.url).toBe('/api/v2/check?ipAddress=203.0.113.7&maxAgeInDays=90')
    expect(request?.headers).toMatchObject({ key: 'a key of this test', accept: 'application/json' })
  })

  it('scores what the service has whitelisted 0', async () => {
    answer = say(report({ abuseConfidenceScore: 100, isWhitelisted: true }))
    await expect(ask()).resolves.toEqual({ score: 0, source: 'abuseipdb' })
  })

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['a page', '<html>busy</html>'],
    ['another object', { score: 50 }],
    ['no score', report({})],
    ['a score that is a text', report({ abuseConfidenceScore: '87' })],
    ['a score out of bounds', report({ abuseConfidenceScore: 1e9 })],
    ['half a score', report({ abuseConfidenceScore: 0.5 })],
    ['a negative score', report({ abuseConfidenceScore: -1 })],
    ['null', 'null'],
    ['a list', [report({ abuseConfidenceScore: 87 })]],
  ])('believes no answer that holds %s', async (_case, body) => {
    answer = say(body)
    await expect(ask()).rejects.toThrow(ReputationServiceError)
  })

  it('stops reading an answer without end', async () => {
    answer = (_request, response) => {
      const more = (): void => {
        while (response.write('{"data":'.repeat(1_000)));
        response.once('drain', more)
      }
      more()
    }
    await expect(ask(10_000)).rejects.toThrow('an answer without end')
  })

  it.each<[string, Answer]>([
    ['never answers', () => undefined],
    ['stops in the middle', (_request, response) => void response.writeHead(200).write('{"data":{')],
    ['cuts the connection', (request) => void request.socket.destroy()],
  ])('gives up in time when the service %s', async (_case, behaviour) => {
    answer = behaviour
    const startedMs = performance.now()
    await expect(ask(200)).rejects.toThrow(ReputationServiceError)
    expect(performance.now() - startedMs).toBeLessThan(2_000)
  })

  it('gives up when it is closed', async () => {
    const closing = new AbortController()
    answer = () => closing.abort()
    await expect(ask(10_000, closing.signal)).rejects.toThrow(ReputationServiceError)
  })

  it('gives its key to nobody the service points at', async () => {
    answer = (request, response) => {
      if (request.url === '/elsewhere') return say(report({ abuseConfidenceScore: 1 }))(request, response)
      return void response.writeHead(302, { location: '/elsewhere' }).end()
    }
    await expect(ask()).rejects.toThrow(ReputationServiceError)
    expect(requests).toHaveLength(1)
  })

  it.each<[number, Record<string, string>, number | undefined]>([
    [429, { 'retry-after': '120' }, 120_000],
    [429, { 'retry-after': '999999999' }, 86_400_000],
    [429, { 'retry-after': 'soon' }, 3_600_000],
    [429, {}, 3_600_000],
    [401, {}, 3_600_000],
    [503, { 'retry-after': '5' }, 5_000],
    [500, {}, undefined],
    [422, {}, undefined],
  ])('says how long to wait after status %i with %o', async (status, headers, retryAfterMs) => {
    answer = say({ errors: [{ detail: 'no', status }] }, status, headers)
    await expect(ask()).rejects.toMatchObject({ name: 'ReputationServiceError', retryAfterMs })
  })

  it('tells neither the address nor the key in its errors', async () => {
    answer = say('203.0.113.7', 500)
    const error = await ask().catch((thrown: unknown) => thrown)
    const text = `${String(error)} ${(error as Error).stack} ${JSON.stringify(error)}`
    expect(text).not.toContain('203.0.113.7')
    expect(text).not.toContain('a key of this test')
    expect((error as Error).cause).toBeUndefined()
  })
})
