import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPublicFetch } from './public-fetch.ts'

let server: Server
let port: number
let connections = 0

const odd: Readonly<Record<string, string>> = {
  '/odd': 'HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n',
  '/upgrade': 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n',
}
const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n'.repeat(200)
/** Writes the same for as long as somebody reads it. */
function pour(socket: Socket): void {
  if (!socket.destroyed) socket.write(hints, () => pour(socket))
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const oddAnswer = odd[request.url ?? '']
    if (request.url === '/moved') response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end()
    else if (oddAnswer !== undefined) request.socket.write(oddAnswer)
    else if (request.url === '/hints') pour(request.socket)
    else if (request.url === '/endless') response.writeHead(200, { 'x-seen': 'yes' }).write('forever')
    else if (request.url === '/long') response.end(Buffer.alloc(262_145))
    else response.end('inside')
  })
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const outside = createPublicFetch({ allowLoopback: false })
const development = createPublicFetch({ allowLoopback: true })
const read = { method: 'GET', headers: {} }

describe('class 39: an address that staff typed in', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.0.0.8',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '168.63.129.16',
    '%31%32%37.0.0.1',
    '127.0.0.1.',
    '0x7f000001.',
    '①②⑦.⓪.⓪.①',
    '[::]',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:10.0.0.1]',
    '[::127.0.0.1]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b:1::7f00:1]',
    '[100::1]',
    '[5f00::1]',
    '[fec0::1]',
    '[64:ff9b::a00:1]',
    '[fc00::1]',
    '[fe80::1]',
    '[ff02::1]',
    '[2001:db8::1]',
    '[2002:7f00:1::]',
    '[2001::1]',
  ])('is not %s, in any spelling', async (host) => {
    await expect(outside(`https://${host}/`, read)).rejects.toThrow('the address is not public')
  })

  it('is no name that resolves to an address inside, which is judged as it is connected to', async () => {
    const before = connections
    await expect(outside(`https://localhost:${port}/`, read)).rejects.toThrow('the address is not public')
    expect(connections).toBe(before)
  })

  it('is https, and nothing else', async () => {
    for (const url of ['http://example.org/', 'file:///etc/passwd', 'ftp://example.org/']) {
      await expect(outside(url, read)).rejects.toThrow('https is required')
      await expect(development(url, read)).rejects.toThrow('https is required')
    }
  })

  it('may be this machine in development, and the network behind it may not', async () => {
    const answer = await development(`http://127.0.0.1:${port}/`, read)
    expect(await answer.text()).toBe('inside')
    await expect(development('https://10.0.0.1/', read)).rejects.toThrow('the address is not public')
    await expect(development('http://10.0.0.1/', read)).rejects.toThrow('the address is not public')
  })

  it('leads nowhere else: a redirect is an answer and is not followed', async () => {
    const before = connections
    const answer = await development(`http://127.0.0.1:${port}/moved`, read)
    expect(answer.status).toBe(302)
    expect(connections).toBe(before + 1)
  })

  it('may answer with a status that there is none of: that fails the request, and nothing else', async () => {
    await expect(development(`http://127.0.0.1:${port}/odd`, read)).rejects.toThrow(RangeError)
  })

  it.each([true, false])(
    'is heard out once: other protocols and hints without end are no answer',
    async (readsAnswer) => {
      const patient = createPublicFetch({ allowLoopback: true, timeoutMs: 60_000, readsAnswer })
      for (const path of ['upgrade', 'hints']) {
        await expect(patient(`http://127.0.0.1:${port}/${path}`, read), path).rejects.toThrow(RangeError)
      }
    },
  )

  it('is not waited for beyond its head, where the answer is of no interest', async () => {
    const heedless = createPublicFetch({ allowLoopback: true, readsAnswer: false })
    const answer = await heedless(`http://127.0.0.1:${port}/endless`, read)
    expect([answer.status, answer.headers.get('x-seen'), await answer.text()]).toEqual([200, 'yes', ''])
    expect((await heedless(`http://127.0.0.1:${port}/long`, read)).status).toBe(200)
  })

  it('is given up after its time', async () => {
    const hasty = createPublicFetch({ allowLoopback: true, timeoutMs: 50 })
    await expect(hasty(`http://127.0.0.1:${port}/endless`, read)).rejects.toMatchObject({ code: 'ABORT_ERR' })
  })

  it('answers with 256 KiB at most', async () => {
    await expect(development(`http://127.0.0.1:${port}/long`, read)).rejects.toThrow('the answer is too long')
  })
})
