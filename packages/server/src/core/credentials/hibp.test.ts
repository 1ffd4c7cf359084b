import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createBreachCheck } from './hibp.ts'

const password = 'correct horse battery staple'
const digest = createHash('sha1').update(password).digest('hex').toUpperCase()
const suffix = digest.slice(5)
const others = [`${'0'.repeat(35)}:3`, `${'F'.repeat(35)}:12`]
const padding = [`${'1'.repeat(35)}:0`, `${'2'.repeat(35)}:0`]

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

const serveText = (text: string, status = 200) => serve((_, response) => response.writeHead(status).end(text))

describe('createBreachCheck', () => {
  it('tells how often a password was breached, and which was not', async () => {
    const baseUrl = await serveText([...others, `${suffix}:37`, ...padding].join('\r\n'))
    const check = createBreachCheck({ baseUrl })
    expect(await check(password)).toEqual({ outcome: 'breached', count: 37 })
    expect(await check('another password, not in it')).toEqual({ outcome: 'clear' })
  })

  it('takes a padding entry, whose count is 0, for nothing', async () => {
    const baseUrl = await serveText([...others, `${suffix}:0`].join('\r\n'))
    expect(await createBreachCheck({ baseUrl })(password)).toEqual({ outcome: 'clear' })
  })

  it('lets five hexadecimal digits leave the process, and asks for padding', async () => {
    const seen: IncomingMessage[] = []
    const baseUrl = await serve((request, response) => {
      seen.push(request)
      response.end(others.join('\r\n'))
    })
    await createBreachCheck({ baseUrl: `${baseUrl}/mirror/` })(password)
    const [request] = seen
    expect(request?.method).toBe('GET')
    expect(request?.url).toBe(`/mirror/range/${digest.slice(0, 5)}`)
    expect(request?.headers['add-padding']).toBe('true')
    const sent = [request?.url, ...(request?.rawHeaders ?? [])].join('\n').toUpperCase()
    for (const secret of [suffix, suffix.slice(0, 4), password.toUpperCase(), 'HORSE'])
      expect(sent).not.toContain(secret)
  })

  it('hashes the bytes of the password as it is: not trimmed, not folded', async () => {
    const urls: (string | undefined)[] = []
    const baseUrl = await serve((request, response) => {
      urls.push(request.url)
      response.end(others.join('\n'))
    })
    await createBreachCheck({ baseUrl })(' É ')
    expect(urls).toEqual([`/range/${createHash('sha1').update(' É ').digest('hex').slice(0, 5).toUpperCase()}`])
  })

  it.each([
    ['a page', '<html>hello</html>', 200],
    ['nothing', '', 200],
    ['one line that is none among good ones', `${others.join('\r\n')}\r\n${suffix}:many`, 200],
    ['lower-case digits', `${suffix.toLowerCase()}:4`, 200],
    ['a negative count', `${suffix}:-4`, 200],
    ['a count beyond all numbers', `${suffix}:${'9'.repeat(40)}`, 200],
    ['an error with a good body', `${suffix}:37`, 503],
    ['not found', `${suffix}:37`, 404],
    ['half a megabyte of good lines', `${'0'.repeat(35)}:3\r\n`.repeat(13_000), 200],
  ])('lets the person go on when the answer is %s', async (_, text, status) => {
    const baseUrl = await serveText(text, status)
    expect(await createBreachCheck({ baseUrl })(password)).toEqual({ outcome: 'unknown', reason: 'bad-answer' })
  })

  it('does not follow a redirect: the service must not choose whom the server talks to', async () => {
    let isFollowed = false
    const target = await serve((_, response) => {
      isFollowed = true
      response.end(`${suffix}:37`)
    })
    const baseUrl = await serve((_, response) => response.writeHead(302, { location: target }).end())
    expect(await createBreachCheck({ baseUrl })(password)).toEqual({ outcome: 'unknown', reason: 'bad-answer' })
    expect(isFollowed).toBe(false)
  })

  it('lets the person go on when nobody listens', async () => {
    const baseUrl = await serveText('')
    const [server] = servers.splice(0)
    server?.close()
    expect(await createBreachCheck({ baseUrl })(password)).toEqual({ outcome: 'unknown', reason: 'unreachable' })
  })

  it.each([
    ['never answers', () => {}],
    ['stops in the middle', (_, response) => response.write(`${'0'.repeat(35)}:3\r\n`)],
  ] satisfies [string, RequestListener][])('lets the person go on in time when the service %s', async (_, listener) => {
    const baseUrl = await serve(listener)
    const startedMs = performance.now()
    const answer = await createBreachCheck({ baseUrl, timeoutMs: 100 })(password)
    expect(answer).toEqual({ outcome: 'unknown', reason: 'timeout' })
    expect(performance.now() - startedMs).toBeLessThan(1500)
  })

  it('ends the connection of a call that took too long', async () => {
    const { promise: isClosed, resolve } = Promise.withResolvers<void>()
    const baseUrl = await serve((request) => {
      request.socket.once('close', () => resolve())
    })
    await createBreachCheck({ baseUrl, timeoutMs: 100 })(password)
    await isClosed
  })

  it('leaves a failing service alone, and tries it again with one call', async () => {
    let calls = 0
    let isWell = false
    const baseUrl = await serve((_, response) => {
      calls += 1
      response.writeHead(isWell ? 200 : 500).end(others.join('\r\n'))
    })
    const check = createBreachCheck({ baseUrl, failuresToOpen: 3, openMs: 200 })
    const reasons: unknown[] = []
    for (let index = 0; index < 6; index += 1) {
      const answer = await check(password)
      reasons.push(answer.outcome === 'unknown' ? answer.reason : answer.outcome)
    }
    expect(reasons).toEqual(['bad-answer', 'bad-answer', 'bad-answer', 'circuit-open', 'circuit-open', 'circuit-open'])
    expect(calls).toBe(3)

    isWell = true
    await expect.poll(() => check(password), { timeout: 5000, interval: 20 }).toEqual({ outcome: 'clear' })
    expect(calls).toBe(4)
  })
})
