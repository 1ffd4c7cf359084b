import { pbkdf2Sync } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createId } from '../../../core/ids.ts'
import { inTenant } from '../../../database/tenant.ts'
import { createTestDatabase, type TestDatabase } from '../../../testing/database.ts'
import { startTestServer, type TestServer } from '../../../testing/server.ts'
import { DEMO_FORM } from '../definition/demo.ts'
import { insertPublishedForm } from '../seed-queries.ts'

const bots = { kind: 'signal', sources: ['userAgent'], challenge: 60 }
const policyFile = {
  version: 1,
  policies: { 'leads.submit': { rules: { bots } }, 'contact.submit': { rules: { bots } } },
}

let database: TestDatabase
let server: TestServer
let slug: string
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.close())
beforeEach(async () => {
  server = await startTestServer(database, { policyFile })
  const form = { id: createId(), slug: `f-${createId()}`, name: 'Test', definition: DEMO_FORM }
  const tenantId = server.tenant.id
  await inTenant(database.worker, tenantId, (tx) => insertPublishedForm(tx, { tenantId, ...form }))
  slug = form.slug
})
afterEach(() => server.close())

const script = { 'user-agent': 'python-requests/2.32.3', host: 'localhost:3000', origin: 'http://localhost:3000' }
const answers = {
  fullName: 'Ada Lovelace',
  email: 'ada@example.org',
  projectType: 'website',
  details: 'A long enough text',
  consent: 'true',
}

async function ripeToken(): Promise<string> {
  const { body } = await server.app.inject({ url: `/f/${slug}`, headers: script })
  server.clock.nowMs += 2_000
  return /name="renderToken" value="([^"]+)"/.exec(body)?.[1] ?? 'no token'
}

const send = (renderToken: string, proof?: string, headers: Readonly<Record<string, string>> = {}) =>
  server.app.inject({
    method: 'POST',
    url: `/f/${slug}${proof === undefined ? '' : `?proof=${encodeURIComponent(proof)}`}`,
    payload: new URLSearchParams({ ...answers, renderToken }).toString(),
    headers: { ...script, 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })

/** What the widget does in a browser with the challenge of a page. */
function solve(page: string): string {
  const text = /data-challenge="([^"]+)"/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? '{}'
  const challenge = JSON.parse(text)
  const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters
  const password = Buffer.alloc(20)
  password.write(nonce, 'hex')
  for (let counter = 0; ; counter += 1) {
    password.writeUInt32BE(counter, 16)
    const key = pbkdf2Sync(password, Buffer.from(salt, 'hex'), cost, keyLength, 'sha256').toString('hex')
    if (!key.startsWith(keyPrefix)) continue
    return btoa(JSON.stringify({ challenge, solution: { counter, derivedKey: key } }))
  }
}

const leads = () => inTenant(database.worker, server.tenant.id, (tx) => tx.selectFrom('lead').select('email').execute())

describe('a form whose policy asks for a proof of work', () => {
  it('comes back as it was sent, with the widget and its work', async () => {
    const token = await ripeToken()
    const reply = await send(token)
    expect(reply.statusCode).toBe(403)
    expect(reply.body).toContain('value="Ada Lovelace"')
    expect(reply.body).toContain(`value="${token}"`)
    expect(reply.body).toMatch(
      /data-challenge="[^"]+" data-worker="\/f\/_\/pbkdf2-[\w-]{22}\.js" data-language="en" data-auto/,
    )
    for (const [, url = ''] of reply.body.matchAll(/(?:src|href|data-worker)="(\/f\/_\/[^"]+)"/g)) {
      const file = await server.app.inject({ url, headers: script })
      expect([url, file.statusCode]).toEqual([url, 200])
    }
    expect(await leads()).toHaveLength(0)
  })

  it('is taken with the proof in its address, once', async () => {
    const proof = solve((await send(await ripeToken())).body)
    const taken = await send(await ripeToken(), proof)
    expect(taken.statusCode).toBe(303)
    expect(taken.headers.location).not.toContain('proof')
    const again = await send(await ripeToken(), proof)
    expect(again.statusCode).toBe(403)
    expect(await leads()).toHaveLength(1)
  })

  it('does not try again by itself with a proof that was not taken', async () => {
    const reply = await send(await ripeToken(), 'made-up')
    expect(reply.statusCode).toBe(403)
    expect(reply.body).toContain('data-challenge')
    expect(reply.body).not.toContain('data-auto')
    expect(reply.body).not.toContain('made-up')
  })

  it('shows another site no word of what it sent', async () => {
    const reply = await send(await ripeToken(), undefined, { origin: 'https://evil.example' })
    expect(reply.statusCode).toBe(403)
    expect(reply.body).not.toContain('Ada Lovelace')
  })

  it('is the only one that takes a proof from an address: the API reads its header alone', async () => {
    const contact = (query: string) =>
      server.app.inject({
        method: 'POST',
        url: `/api/v1/contact${query}`,
        payload: { name: 'Ada', email: 'ada@example.org', message: 'Hello' },
        headers: script,
      })
    const { challenge } = (await contact('')).json()
    const page = `data-challenge="${JSON.stringify(challenge).replaceAll('"', '&quot;')}"`
    expect((await contact(`?proof=${encodeURIComponent(solve(page))}`)).json().code).toBe('challenge-required')
  })

  it('writes no proof to the log', async () => {
    const proof = solve((await send(await ripeToken())).body)
    await send(await ripeToken(), proof)
    expect(server.logLines.join('')).not.toContain(proof.slice(0, 40))
  })
})
