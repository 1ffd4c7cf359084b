import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createPublicFetch } from './public-fetch.ts'

/** What the resolver of the machine says, whatever the name: a name server of whoever attacks says what it likes. */
const said = vi.hoisted(() => ({ addresses: [] as readonly string[], questions: 0 }))
vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  lookup(_name: string, _options: object, callback: (error: null, found: object[]) => void) {
    said.questions += 1
    callback(
      null,
      said.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  },
}))

let server: Server
let port: number
let connections = 0
beforeAll(async () => {
  server = createServer((_, response) => void response.end('inside'))
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

const read = { method: 'GET', headers: {} }

describe('class 39: a name whose owner says where it leads', () => {
  it.each([
    [['127.0.0.1']],
    [['93.184.216.34', '127.0.0.1']],
    [['2606:2800:220:1::1', '10.0.0.1']],
    [['::ffff:127.0.0.1']],
    [['::ffff:7f00:1']],
    [['64:ff9b::7f00:1']],
    [['fe80::1%lo']],
    [['169.254.169.254']],
    [['0.0.0.0']],
    [['::']],
    [['not an address']],
    [[]],
  ])('leads nowhere with %j', async (addresses) => {
    said.addresses = addresses
    const outside = createPublicFetch({ allowLoopback: false, timeoutMs: 2_000 })
    await expect(outside(`https://rebind.example:${port}/`, read)).rejects.toThrow('the address is not public')
    expect(connections).toBe(0)
  })

  it('is asked for at each request, and what it said before is worth nothing', async () => {
    const development = createPublicFetch({ allowLoopback: true, timeoutMs: 2_000 })
    said.addresses = ['127.0.0.1']
    const before = said.questions
    expect((await development(`http://localhost:${port}/`, read)).status).toBe(200)
    said.addresses = ['10.0.0.1']
    await expect(development(`http://localhost:${port}/`, read)).rejects.toThrow('the address is not public')
    expect(said.questions - before).toBe(2)
    expect(connections).toBe(1)
  })
})
