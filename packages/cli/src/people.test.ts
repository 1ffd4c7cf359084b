import { describe, expect, it } from 'vitest'
import { installation } from './testing/installation.ts'

const { run, api, server } = installation()

describe('people', () => {
  const post = async (path: string, body: object, token?: string) => {
    const answer = await fetch(`${server.url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const signIn = (email: string, password: string) => post('/auth/login', { email, password })
  const mayListPeople = async (email: string, password: string): Promise<number> => {
    const { body } = await signIn(email, password)
    return (await api('/users', String(body['access_token']))).status
  }
  const tokenOf = (text: string): string => /\/account\/invite#token=(rmp_inv_[\w-]{43})/.exec(text)?.[1] ?? ''
  const password = 'another fine password 1789'
  /** The access token of a person who is signed in. */
  let graces = ''

  it('the link that the first start shows makes the first owner, once, and nobody once there is one', async () => {
    const token = tokenOf(server.said)
    const nameless = await post('/invitations/accept', { token, password })
    expect([nameless.status, nameless.body['errors']]).toEqual([422, [expect.objectContaining({ pointer: '/email' })]])
    const both = await Promise.all(
      ['first@example.org', 'second@example.org'].map((email) =>
        post('/invitations/accept', { token, password, email }),
      ),
    )
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 400])
    const email = String(both.find(({ status }) => status === 201)?.body['email'])
    expect(await mayListPeople(email, password)).toBe(200)
    // What the last owner cannot do to themselves, the command line does not do either.
    const refused = await run(['user', 'deactivate', email])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Last owner')])
  }, 30_000)

  it('are made with a password from standard input, and switched off and on', async () => {
    const email = 'grace@example.org'
    const weak = await run(['user', 'create', '--email', email, '--password-stdin'], { input: 'password\n' })
    expect([weak.code, weak.stderr]).toEqual([1, expect.stringContaining('/password')])
    const args = ['user', 'create', '--email', email, '--name', 'Grace', '--role', 'admin', '--password-stdin']
    const made = await run(args, { input: `${password}\n` })
    expect([made.code, made.stdout]).toEqual([0, ''])
    expect(await mayListPeople(email, password)).toBe(200)
    expect((await run(args, { input: password })).stderr).toContain('An account with this e-mail address exists')
    expect((await run(['user', 'deactivate', 'Grace@Example.org'])).code).toBe(0)
    expect((await signIn(email, password)).status).toBe(401)
    expect((await run(['user', 'activate', email])).code).toBe(0)
    const again = await signIn(email, password)
    expect(again.status).toBe(200)
    graces = String(again.body['access_token'])
    const french = await run(['user', 'list'], { env: { LANG: 'fr_FR.UTF-8' } })
    expect(french.stdout).toMatch(/^grace@example\.org +Grace +actif /m)
    expect((await run(['user', 'deactivate', 'nobody@example.org'])).stderr).toContain(
      'no account "nobody@example.org"',
    )
  }, 60_000)

  it('are signed out by name, or all at once, with nobody meant by silence', async () => {
    const me = async (): Promise<number> => (await api('/auth/me', graces)).status
    for (const whose of [[], ['--everybody', '--user', 'grace@example.org']]) {
      expect((await run(['session', 'end', ...whose])).stderr).toContain('--user <account>, or --everybody')
    }
    expect((await run(['session', 'end', '--user', 'nobody@example.org'])).code).toBe(1)
    expect(await me()).toBe(200)
    const one = await run(['session', 'end', '--user', 'Grace@Example.org', '--json'])
    expect(JSON.parse(one.stdout)).toEqual({ ended: 1 })
    expect(await me()).toBe(401)
    // The first owner is still signed in.
    const all = await run(['session', 'end', '--everybody', '--json'])
    expect(JSON.parse(all.stdout)).toEqual({ ended: 1, people: 1 })
    const french = await run(['session', 'end', '--everybody'], { env: { LANG: 'fr_FR.UTF-8' } })
    expect(french.stderr).toContain('Sessions fermées dans l’organisation « demo » : 0, de personnes : 0.')
  }, 60_000)

  it('get a link without one, which alone is printed on standard output and is good once', async () => {
    const made = await run(['user', 'create', '--email', 'alan@example.org', '--role', 'viewer'])
    expect(made.stdout).toMatch(/^http:\/\/localhost:3000\/account\/invite#token=rmp_inv_[\w-]{43}\n$/)
    expect(made.stderr).not.toContain('rmp_inv_')
    const token = tokenOf(made.stdout)
    expect((await post('/invitations/accept', { token, password, name: 'Alan' })).status).toBe(201)
    expect((await post('/invitations/accept', { token, password })).status).toBe(400)
    expect(await mayListPeople('alan@example.org', password)).toBe(403)
    const json = await run(['user', 'create', '--email', 'kurt@example.org', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      email: 'kurt@example.org',
      link: expect.stringContaining('rmp_inv_'),
    })
    const unknown = await run(['user', 'create', '--email', 'x@example.org', '--role', 'emperor'])
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('Unknown role')])
  }, 30_000)
})

describe('keys', () => {
  const published = async (): Promise<string[]> => {
    const { keys } = (await (await fetch(`${server.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid)
  }

  it('lists what the server publishes, with what becomes of each key and when', async () => {
    const keys = JSON.parse((await run(['keys', 'list', '--json'])).stdout)
    expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(await published())
    expect(keys[0]).toMatchObject({ state: 'active', algorithm: 'EdDSA', retiredAt: null })
    expect(keys[1]).toMatchObject({ state: 'next', activatedAt: null })
    const table = (await run(['keys', 'list'], { env: { LANG: 'fr_FR.UTF-8' } })).stdout
    expect(table).toMatch(/^CLÉ +ÉTAT +SIGNE DÈS +JUSQU’À +RETIRÉE\n[\w-]{43} +active .+\n[\w-]{43} +suivante /)
  }, 30_000)

  it('says when the next key takes over, which no cache may be late for', async () => {
    const [, next] = await published()
    const asked = await run(['keys', 'rotate'])
    expect([asked.code, asked.stdout]).toEqual([0, ''])
    expect(asked.stderr).toMatch(/^The key [\w-]{43} takes over at \d{4}-\d\d-\d\d \d\d:\d\dZ: /)
    expect(asked.stderr).toContain(String(next))
    expect((await run(['keys', 'rotate'], { env: { LANG: 'fr_FR.UTF-8' } })).stderr).toContain(
      'Personne n’est déconnecté',
    )
  }, 30_000)

  it('ends every key at once when that is asked for; the running server makes others', async () => {
    const before = await published()
    expect((await run(['keys', 'rotate', '--revoke'])).stderr).toContain('2 keys have ended, with every access token')
    await expect.poll(published).toHaveLength(2)
    await expect.poll(async () => (await published()).some((kid) => before.includes(kid))).toBe(false)
  }, 30_000)
})
