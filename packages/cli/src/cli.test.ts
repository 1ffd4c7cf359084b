import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { asOwner } from '../../server/src/testing/database.ts'

const directory = mkdtempSync(join(tmpdir(), 'rempart-cli-'))
const file = (name: string, content?: string): string => {
  const path = join(directory, name)
  if (content !== undefined) writeFileSync(path, content)
  return path
}

/** Nothing of the environment the tests run in. */
const environment = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', REMPART_DATA_DIR: join(directory, 'data') }

function launch(args: readonly string[], extra: Readonly<Record<string, string>> = {}) {
  const main = join(import.meta.dirname, 'main.ts')
  return spawn(process.execPath, ['--conditions=rempart-source', main, ...args], {
    cwd: directory,
    env: { ...environment, ...extra },
  })
}

/** Runs a command to its end. */
async function run(args: readonly string[], options: { env?: Readonly<Record<string, string>>; input?: string } = {}) {
  const child = launch(args, options.env)
  child.stdin.end(options.input ?? '')
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { stdout, stderr, code }
}

let server: ReturnType<typeof launch>
let url: string
let said = ''
beforeAll(async () => {
  server = launch(['start'], { REMPART_PORT: '0' })
  url = await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error(`the server ended: ${said}`)))
    server.stderr.on('data', (chunk) => {
      said += String(chunk)
      const address = /answers at (http:\S+)/.exec(said)?.[1]
      if (address !== undefined) resolve(address)
    })
  })
  server.stdout.resume()
}, 60_000)
afterAll(async () => {
  server.kill('SIGTERM')
  if (server.exitCode === null) await once(server, 'exit')
  rmSync(directory, { recursive: true, force: true })
}, 30_000)

const api = (path: string, key: string) =>
  fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } })

const makeKey = async (scopes: string, tenant = 'demo') =>
  (await run(['api-key', 'create', '-t', tenant, '--name', 'test', '--scopes', scopes])).stdout.trim()

describe.concurrent('api-key', () => {
  it('prints the key alone on standard output; it opens what it was made for, until it is revoked', async () => {
    const made = await run(['api-key', 'create', '--name', 'Site', '--scopes', 'leads:read'])
    expect(made.stdout).toMatch(/^rmp_live_\w{10}_\w{43}_\w{6}\n$/)
    expect(made.stderr).toContain('API key "Site" of the tenant "demo"')
    const key = made.stdout.trim()
    expect((await api('/leads', key)).status).toBe(200)
    expect((await api('/forms', key)).status).toBe(403)

    const revoked = await run(['api-key', 'revoke', key])
    expect(revoked.code).toBe(0)
    expect(revoked.stderr).not.toContain(key)
    expect((await api('/leads', key)).status).toBe(401)
    expect((await run(['api-key', 'revoke', key])).code).toBe(1)
  }, 30_000)

  it('lives ninety days when nothing is said, as long as is said, or for ever', async () => {
    const days = async (...expires: string[]) => {
      const args = ['api-key', 'create', '--name', 'x', '--scopes', 'forms:read', '--json', ...expires]
      const { expiresAt } = JSON.parse((await run(args)).stdout)
      return expiresAt && Math.round((Date.parse(expiresAt) - Date.now()) / 86_400_000)
    }
    expect(await Promise.all([days(), days('--expires', '48h'), days('--expires', 'never')])).toEqual([90, 2, null])
  }, 30_000)
})

describe('people', () => {
  const post = async (path: string, body: object, token?: string) => {
    const answer = await fetch(`${url}/api/v1${path}`, {
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
    const token = tokenOf(said)
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
    const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
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

describe.concurrent('forms', () => {
  const yaml = (label: string) => `title: { en: Call me back }
fields:
  - { name: phone, type: phone, label: { en: ${label} }, country: FR }
`

  it('imports a file, publishes it, and saves a version only for a change', async () => {
    const source = file('callback.yaml', yaml('Phone'))
    const first = await run(['forms', 'import', source, '--publish'])
    expect([first.code, first.stderr]).toEqual([0, expect.stringContaining('shows version 1')])
    expect(await (await fetch(`${url}/api/v1/forms/public/callback`)).json()).toMatchObject({ version: 1 })

    expect((await run(['forms', 'import', source])).stderr).toContain('like this already, in version 1')
    const next = await run(['forms', 'import', '-', '--slug', 'callback'], { input: yaml('Your number') })
    expect(next.stderr).toContain('Version 2')
    const [list, show] = await Promise.all([run(['forms', 'list', '--json']), run(['forms', 'show', 'callback'])])
    expect(JSON.parse(list.stdout).items).toContainEqual(
      expect.objectContaining({ slug: 'callback', name: 'Call me back', latestVersion: 2, publishedVersion: 1 }),
    )
    expect(show.stdout).toMatch(/^2 +\S+ \S+ +-$/m)
    expect(show.stdout).toMatch(/^1 .*\(active\)$/m)
  }, 30_000)

  it('exports what it imported, in both formats', async () => {
    const json = (await run(['forms', 'export', 'demo', '--format', 'json'])).stdout
    const output = file('demo.yaml')
    await run(['forms', 'export', 'demo', '--output', output])
    for (const source of [file('demo.json', json), output]) {
      expect((await run(['forms', 'import', source])).stderr).toContain('like this already')
    }
  }, 30_000)

  it('says where each fault of a file stands, and stores nothing of it', async () => {
    const wrong = file('wrong.yaml', yaml('Phone').replace('phone, label', 'fone, label').replace('title:', 'titel:'))
    const reply = await run(['forms', 'import', wrong])
    expect(reply.code).toBe(1)
    expect(reply.stderr).toContain('wrong.yaml has 3 faults:')
    expect(reply.stderr).toContain('  1:8  /titel  is not a known field')
    expect(reply.stderr).toContain('  3:26  /fields/0/type  must be one of the allowed values')
    const senseless = file('senseless.yaml', yaml('Phone').replace('FR', 'XX'))
    expect((await run(['forms', 'import', senseless])).stderr).toContain('3:64  /fields/0/country  "XX" is no country')
    expect((await run(['forms', 'show', 'wrong'])).stderr).toBe('There is no form "wrong". See: rempart forms list\n')
  }, 30_000)

  it('prints the line that shows a form in a page, which the server answers, and says on which sites', async () => {
    const [script, frame, listed] = await Promise.all([
      run(['forms', 'embed', 'demo']),
      run(['forms', 'embed', 'demo', '--iframe'], { env: { LANG: 'fr_FR.UTF-8' } }),
      run(['forms', 'embed', 'demo'], { env: { REMPART_ALLOWED_ORIGINS: 'https://www.example.org' } }),
    ])
    expect(script.stdout).toBe(
      '<script src="http://localhost:3000/f/embed.js" data-form="demo" data-title="Request a quote" async></script>\n',
    )
    expect(script.stderr).toContain('No site may show it yet')
    expect(frame.stdout).toMatch(
      /^<iframe src="http:\/\/localhost:3000\/f\/demo" title="Demander un devis" style="[^"]*">/,
    )
    expect(listed.stderr).toContain('https://www.example.org')
    for (const path of ['/f/embed.js', '/f/demo']) expect((await fetch(`${url}${path}`)).status).toBe(200)
  }, 30_000)

  it('archives, restores, hides and shows', async () => {
    const source = file('moving.yaml', yaml('Phone'))
    await run(['forms', 'import', source])
    await run(['forms', 'archive', 'moving'])
    const refused = await run(['forms', 'publish', 'moving'])
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Form archived')])
    await run(['forms', 'restore', 'moving'])
    expect((await run(['forms', 'publish', 'moving', '--version', '1'])).stderr).toContain('shows version 1')
    expect((await run(['forms', 'unpublish', 'moving'])).stderr).toContain('is hidden')
    expect(JSON.parse((await run(['forms', 'show', 'moving', '--json'])).stdout)).toMatchObject({
      archivedAt: null,
      publishedVersion: null,
    })
  }, 30_000)
})

it('lists, shows and exports leads', async () => {
  const definition =
    'title: { en: L }\nfields: [{ name: city, type: text, label: { en: C } }]\nprotection: { renderToken: optional }'
  await run(['forms', 'import', '-', '--slug', 'leads-test', '--publish'], { input: definition })
  const { submitUrl } = JSON.parse(await (await fetch(`${url}/api/v1/forms/public/leads-test`)).text())
  const sent = await fetch(`${url}${submitUrl}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'zoe@example.org', data: { city: 'Besançon' } }),
  })
  expect(sent.status).toBe(201)
  const { id } = JSON.parse(await sent.text())

  const output = file('leads.csv')
  const [list, show, json, csv] = await Promise.all([
    run(['leads', 'list', '--form', 'leads-test']),
    run(['leads', 'show', id]),
    run(['leads', 'export', '--format', 'json', '--form', 'leads-test']),
    run(['leads', 'export', '--form', 'leads-test', '--output', output]),
  ])
  expect(list.stdout).toContain('zoe@example.org')
  expect(show.stdout).toMatch(/^city +Besançon$/m)
  expect(JSON.parse(json.stdout)).toMatchObject([{ id, data: { city: 'Besançon' } }])
  expect(csv.stderr).toBe(`1 lead written to ${output}.\n`)
  expect(readFileSync(output, 'utf8')).toMatch(/^\uFEFF"id",.*"city"\r\n.*"Besançon"\r\n$/)
  expect(statSync(output).mode & 0o777).toBe(0o600)
}, 30_000)

it('lists, shows and deletes contact messages, and shows no character that would act on the terminal', async () => {
  const sent = await fetch(`${url}/api/v1/contact`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'A\u202Eda', email: 'ada@example.org', message: 'One\nTwo', subject: 'Hi' }),
  })
  const { id } = JSON.parse(await sent.text())
  const [list, show] = await Promise.all([run(['contact', 'list']), run(['contact', 'show', id])])
  expect(list.stdout).toMatch(new RegExp(`received +ada@example.org +${id} +Hi`))
  expect(show.stdout).toMatch(/^NAME +A\\u\{202e\}da$/m)
  expect(show.stdout).toContain('MESSAGE\n  One\n  Two\n')
  expect((await run(['contact', 'delete', id])).code).toBe(0)
  expect(await run(['contact', 'show', id])).toEqual({ code: 1, stdout: '', stderr: 'Unknown message\n' })
}, 30_000)

it('makes, changes, lists, deletes and restores resources, which visitors see at once', async () => {
  const shown = async () => JSON.parse(await (await fetch(`${url}/api/v1/resources`)).text())
  expect(await shown()).toMatchObject({ total: 3 })
  const made = await run(['resources', 'create', '--title', 'Caf\u00e9', '--url', 'https://example.org', '--json'])
  const { id } = JSON.parse(made.stdout)
  expect((await shown()).items[0]).toMatchObject({ id, title: 'Caf\u00e9', url: 'https://example.org/' })
  await run(['resources', 'change', id, '--category', 'places', '--url', ''])
  const [list, show] = await Promise.all([
    run(['resources', 'list', '--category', 'places']),
    run(['resources', 'show', id]),
  ])
  expect(list.stdout).toMatch(new RegExp(`places +Caf\u00e9 +- +${id}`))
  expect(show.stdout).toMatch(/^URL +-$/m)
  expect((await run(['resources', 'delete', id])).stderr).toContain('is deleted')
  expect(await shown()).toMatchObject({ total: 3 })
  expect((await run(['resources', 'list', '--deleted'])).stdout).toContain(id)
  expect((await run(['resources', 'restore', id])).stderr).toContain('is back')
  expect((await shown()).items[0]).toMatchObject({ id, url: null, category: 'places' })
  const refused = await run(['resources', 'create', '--title', 'x', '--url', 'javascript:alert(1)'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('/url')])
  expect((await run(['resources', 'create', '--title', 'a\nb'])).code).toBe(2)
}, 60_000)

it('opens, fills, widens and deletes a gate; the demo has one of 125 places', async () => {
  expect((await run(['gates', 'list'])).stdout).toMatch(/^gate125 +The first 125 +yes +125 +0 +0 /m)
  const register = (email: string) =>
    fetch(`${url}/api/v1/gates/evening/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email }),
    })
  expect((await run(['gates', 'create', 'evening', '--capacity', '1'])).stderr).toContain('with 1 place.')
  expect((await register('zoe@example.org')).status).toBe(401)
  expect((await run(['gates', 'change', 'evening', '--public'])).stderr).toContain('0 of 1 places taken, 0 waiting')
  for (const name of ['zoe', 'bob']) expect((await register(`${name}@example.org`)).status).toBe(201)
  const listed = (await run(['gates', 'registrations', 'evening'])).stdout
  expect(listed).toMatch(/waitlisted +1 +- +bob@example.org/)
  expect(listed).toMatch(/registered +- +- +zoe@example.org/)
  const zoe = JSON.parse(
    (await run(['gates', 'registrations', 'evening', '--email', 'zoe@example.org', '--json'])).stdout,
  )
  expect((await run(['gates', 'unregister', 'evening', zoe.items[0].id])).code).toBe(0)
  const waiting = await run(['gates', 'registrations', 'evening', '--status', 'waitlisted'])
  expect(waiting.stderr).toBe('Nothing to list.\n')
  expect((await run(['gates', 'change', 'evening', '--no-public', '--capacity', '0'])).stderr).toContain(
    '1 of 0 places',
  )
  expect((await run(['gates', 'delete', 'evening'])).code).toBe(0)
  expect(await run(['gates', 'registrations', 'evening'])).toEqual({ code: 1, stdout: '', stderr: 'Unknown gate\n' })
  expect((await run(['gates', 'create', 'Evening', '--capacity', '1'])).code).toBe(2)
}, 60_000)

it('makes a tenant, sets its quota, suspends and resumes it', async () => {
  await run(['tenant', 'create', 'acme', '--name', 'Acme', '--time-zone', 'Europe/Paris', '--quota', '10'])
  const key = await makeKey('leads:read', 'acme')
  expect(await (await api('/leads/quota', key)).json()).toMatchObject({ used: 0, limit: 10 })
  const quota = await run(['tenant', 'quota', 'acme', '--limit', 'none', '--json'])
  expect(JSON.parse(quota.stdout)).toMatchObject({ limit: null })
  await run(['tenant', 'suspend', 'acme'])
  expect((await run(['tenant', 'list'])).stdout).toMatch(/^acme +Acme +suspended/m)
  expect((await api('/leads', key)).status).toBe(403)
  await run(['tenant', 'resume', 'acme'])
  expect((await api('/leads', key)).status).toBe(200)
}, 30_000)

it('gives a tenant a domain, to which the running server answers, and takes it away again', async () => {
  await run(['tenant', 'create', 'domains'])
  const hosted = async () => {
    // fetch does not let one choose the host.
    const { port } = new URL(url)
    return new Promise<number>((resolve, reject) => {
      request({ port, path: '/api/v1/resources', headers: { host: 'shop.example' } }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  }
  expect(await hosted()).toBe(400)
  const added = await run(['tenant', 'domains', 'domains', '--add', 'Shop.Example', '--json'])
  expect(JSON.parse(added.stdout)).toMatchObject([{ domain: 'shop.example', isVerified: true, proof: null }])
  await expect.poll(hosted, { timeout: 4_000 }).toBe(200)
  expect((await run(['tenant', 'domains', 'demo', '--add', 'shop.example'])).stderr).toContain('another tenant has')
  expect((await run(['tenant', 'domains', 'domains', '--remove', 'shop.example'])).code).toBe(0)
  await expect.poll(hosted, { timeout: 4_000 }).toBe(400)
}, 60_000)

describe.concurrent('what goes wrong', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['tenant', 'crate']],
    ['a missing option', ['api-key', 'create', '--name', 'x']],
    ['an unknown scope', ['api-key', 'create', '--name', 'x', '--scopes', 'everything']],
    ['what is no id', ['leads', 'show', "1' or '1'='1"]],
  ])(
    'ends with 2 for %s, and shows the usage',
    async (_what, args) => {
      const reply = await run(args)
      expect([reply.code, reply.stdout, reply.stderr]).toEqual([2, '', expect.stringContaining('Usage: rempart')])
    },
    20_000,
  )

  it.each([
    ['an unknown tenant', ['leads', 'list', '-t', 'nobody'], {}, 'There is no tenant "nobody"'],
    ['a slug that is taken', ['tenant', 'create', 'demo'], {}, 'taken'],
    ['a file that is not there', ['forms', 'import', 'nowhere.yaml'], {}, 'nowhere.yaml cannot be read'],
    ['a target that cannot be', ['leads', 'export', '-o', '/proc/x'], {}, '/proc/x cannot be written'],
    ['an unknown setting', ['tenant', 'list'], { REMPART_COLOUR: 'blue' }, 'REMPART_COLOUR is not a setting'],
    ['a second server', ['start'], {}, 'Another Rempart process is using the data directory'],
    [
      'a database that is away',
      ['tenant', 'list'],
      {
        REMPART_DATABASE_URL: 'postgres://x@127.0.0.1:1/x',
        REMPART_SECRET_KEY: 'v9!Kq2#mZr8$Lw5%Tn1^Xb4&Hc7*Jd0(Pf3)Gs6',
      },
      'The database cannot be reached',
    ],
  ])(
    'ends with 1 for %s, and says so without a stack',
    async (_what, args, env, said) => {
      const reply = await run(args, { env })
      expect([reply.code, reply.stderr]).toEqual([1, expect.stringContaining(said)])
      expect(reply.stderr).not.toMatch(/^ +at /m)
    },
    20_000,
  )

  it('is said in French where the locale is', async () => {
    const fr = (...args: string[]) => run(args, { env: { LC_ALL: 'fr_FR.UTF-8' } })
    const [failure, usage, help] = await Promise.all([
      fr('leads', 'list', '-t', 'personne'),
      fr('leads', 'list', '--tout'),
      fr('--help'),
    ])
    expect(failure.stderr).toContain('Il n’y a pas d’organisation « personne »')
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('erreur : option inconnue « --tout »')])
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining('Commandes :')])
  }, 20_000)
})

describe('an external database', () => {
  it('is prepared by psql, migrated by its owner, and used by its worker', async () => {
    const { host, port } = inject('database')
    const name = `cli_${process.pid}`
    const as = (role: string) => `postgres://${role}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`
    const env = {
      REMPART_DATABASE_URL: as('rempart_app'),
      REMPART_DATABASE_WORKER_URL: as('rempart_worker'),
      REMPART_SECRET_KEY: 'v9!Kq2#mZr8$Lw5%Tn1^Xb4&Hc7*Jd0(Pf3)Gs6',
    }
    const administrator = { host, port, user: 'rempart_owner', database: 'postgres' }
    await asOwner(administrator, `create database ${name}`)
    try {
      const early = await run(['tenant', 'list'], { env })
      expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('The database lacks')])
      const ownerless = await run(['migrate'], { env })
      expect([ownerless.code, ownerless.stderr]).toEqual([1, expect.stringContaining('REMPART_DATABASE_OWNER_URL')])

      const migrated = await run(['migrate'], { env: { ...env, REMPART_DATABASE_OWNER_URL: as('rempart_owner') } })
      expect([migrated.code, migrated.stdout]).toEqual([0, expect.stringContaining('applied 0001_tenants\n')])
      const again = await run(['migrate'], { env: { ...env, REMPART_DATABASE_OWNER_URL: as('rempart_owner') } })
      expect(again.stdout).toBe('The database is up to date.\n')

      expect((await run(['tenant', 'create', 'first'], { env })).code).toBe(0)
      expect((await run(['tenant', 'list'], { env })).stdout).toMatch(/^first /m)
      const nameless = await run(['leads', 'list'], { env })
      expect([nameless.code, nameless.stderr]).toEqual([1, expect.stringContaining('use --tenant')])
      const { REMPART_DATABASE_WORKER_URL: _worker, ...withoutWorker } = env
      const refused = await run(['tenant', 'list'], { env: withoutWorker })
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('REMPART_DATABASE_WORKER_URL')])
    } finally {
      await asOwner(administrator, `drop database ${name} with (force)`)
    }
  }, 60_000)

  it('gets its roles from a script that is printed alone, whatever the settings', async () => {
    const reply = await run(['database', 'init', '--database', 'shop'], { env: { REMPART_PORT: 'none' } })
    expect([reply.code, reply.stdout]).toEqual([0, expect.stringMatching(/^\\set ON_ERROR_STOP on\n[\s\S]*shop/)])
    expect(reply.stdout).not.toContain('psql')
  })
})

it('works without a server as well, and leaves nothing running', async () => {
  const env = { REMPART_DATA_DIR: join(directory, 'alone') }
  const first = await run(['tenant', 'create', 'solo'], { env })
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('A new database was made in') })
  const second = await run(['tenant', 'list'], { env })
  expect(second).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^solo /m) })
  expect(() => statSync(join(directory, 'alone', 'pgdata', 'postmaster.pid'))).toThrow('ENOENT')
}, 60_000)

describe('events', () => {
  it('lists what was refused and explains it, in English and French', async () => {
    const evaluate = () => fetch(`${url}/api/v1/forms/public/demo/evaluate`, { method: 'POST' })
    for (let sent = 0; sent < 31; sent += 1) await evaluate()
    let listed: { items: { id: string; ruleId: string }[] }
    do listed = JSON.parse((await run(['events', 'list', '--policy', 'forms.evaluate', '--json'])).stdout)
    while (listed.items.length === 0)
    const [event] = listed.items
    expect(event).toMatchObject({ type: 'refused', ruleId: 'burst', count: 1 })
    const table = await run(['events', 'list', '--type', 'refused', '--policy', 'forms.evaluate'])
    expect(table.stdout).toContain('forms.evaluate/burst')
    const explained = await run(['events', 'explain', event?.id ?? ''])
    expect(explained.stdout).toContain('The rule "burst" admits 30 in 60 s; 30 were in use')
    expect(explained.stdout).not.toContain('has changed since')
    const french = await run(['events', 'explain', event?.id ?? ''], { env: { LANG: 'fr_FR.UTF-8' } })
    expect(french.stdout).toContain('La règle « burst » en admet 30 en 60 s')
    expect((await run(['events', 'explain', '019bd0a4-6c00-7abc-8def-0123456789ab'])).code).toBe(1)
    expect((await run(['events', 'list', '--type', 'other'])).code).toBe(2)
  }, 60_000)
})

describe('rempart operator', { timeout: 60_000 }, () => {
  const granted = ['--tenant', 'demo', '--permissions', 'leads:read', '--reason', 'Ticket 4711', '--minutes', '60']

  it('lets the first person of the platform into a tenant, by a grant that is in both audit logs, and ends it', async () => {
    await run(['tenant', 'create', 'platform', '--platform', '--name', 'Platform'])
    const input = 'a password of the platform'
    await run(
      ['user', 'create', '--email', 'op@example.org', '--tenant', 'platform', '--role', 'owner', '--password-stdin'],
      { input },
    )
    const signedIn = await fetch(`${url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-tenant-id': 'platform' },
      body: JSON.stringify({ email: 'op@example.org', password: input }),
    })
    const { access_token: token, ...told } = (await signedIn.json()) as { access_token: string }
    expect(signedIn.status, JSON.stringify(told)).toBe(200)
    const leads = async () =>
      (await fetch(`${url}/api/v1/leads`, { headers: { authorization: `Bearer ${token}`, 'x-tenant-id': 'demo' } }))
        .status
    expect(await leads()).toBe(403)

    const made = await run(['operator', 'grant', 'op@example.org', ...granted])
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('may work in the tenant "demo"') })
    expect(await leads()).toBe(200)
    const listed = JSON.parse((await run(['operator', 'list', '--tenant', 'demo', '--json'])).stdout)
    expect(listed.items).toMatchObject([
      {
        id: made.stdout.trim(),
        permissions: ['leads:read'],
        reason: 'Ticket 4711',
        grantedBy: 'operator:cli',
        isInForce: true,
      },
    ])

    const revoked = await run(['operator', 'revoke', made.stdout.trim(), '--tenant', 'demo'])
    expect(revoked.code).toBe(0)
    expect(await leads()).toBe(403)
    expect((await run(['operator', 'list', '--tenant', 'demo'])).stdout).toMatch(/^revoked .*Ticket 4711/m)
    for (const tenant of ['demo', 'platform']) {
      const { stdout } = await run(['audit', 'list', '--tenant', tenant, '--json'])
      for (const action of ['operator.granted', 'operator.revoked']) expect(stdout).toContain(`"${action}"`)
    }
  })

  it.each([
    ['nobody of the platform', ['operator', 'grant', 'nobody@example.org', ...granted], 1, /has no account/],
    [
      'a tenant that keeps no others',
      ['operator', 'grant', 'a@example.org', ...granted, '--platform', 'demo'],
      1,
      /keeps no others/,
    ],
    [
      'more than eight hours',
      ['operator', 'grant', 'op@example.org', ...granted, '--minutes', '481'],
      2,
      /from 1 to 480/,
    ],
    [
      'everything at once',
      ['operator', 'grant', 'op@example.org', ...granted, '--permissions', '*'],
      2,
      /Expected some of/,
    ],
    ['no reason', ['operator', 'grant', 'op@example.org', ...granted, '--reason', ' '], 2, /--reason/],
  ])('refuses %s', async (_what, args, code, told) => {
    const refused = await run(args)
    expect(refused).toMatchObject({ code, stderr: expect.stringMatching(told) })
  })
})
