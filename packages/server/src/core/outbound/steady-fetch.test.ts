import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { createOutbounds } from './outbound.ts'
import { createPublicFetch } from './public-fetch.ts'
import { createSteadyFetch } from './steady-fetch.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function answering(...statuses: readonly number[]) {
  const seen: string[] = []
  server = createServer((request, response) => {
    const status = statuses[Math.min(seen.length, statuses.length - 1)] ?? 200
    seen.push(`${request.method} ${request.url}`)
    response.writeHead(status).end('said')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/path`
  const fetch = createSteadyFetch(createPublicFetch({ allowLoopback: true }), createOutbounds())
  return { seen, url, fetch }
}

it('asks again for what may be asked twice, and never sends twice', async () => {
  const { seen, url, fetch } = await answering(503, 200)
  expect((await fetch(url, { method: 'GET', headers: {} })).status).toBe(200)
  const sent = await answering(503)
  const answer = await sent.fetch(sent.url, { method: 'POST', headers: {}, body: 'code=1' })
  expect([answer.status, await answer.text()]).toEqual([503, 'said'])
  expect([seen.length, sent.seen.length]).toEqual([2, 1])
})

it('leaves an origin alone that failed five times in a row', async () => {
  const { seen, url, fetch } = await answering(500)
  for (let turn = 0; turn < 5; turn += 1) await fetch(url, { method: 'POST', headers: {} })
  await expect(fetch(url, { method: 'POST', headers: {} })).rejects.toThrow('not asked')
  expect(seen).toHaveLength(5)
})

it('asks no private address twice either, and counts the refusal as no failure of anybody', async () => {
  const fetch = createSteadyFetch(createPublicFetch({ allowLoopback: false }), createOutbounds())
  for (let turn = 0; turn < 8; turn += 1) {
    await expect(fetch('https://127.0.0.1/x', { method: 'GET', headers: {} })).rejects.toThrow('not public')
  }
})
