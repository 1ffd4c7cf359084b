import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { until } from '../support/processes.ts'

const examples = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isDirectory())

let running: ChildProcess | undefined
afterEach(() => {
  running?.kill('SIGKILL')
  running = undefined
})

/** Starts an example as its README says, on a free port. */
async function start(name: string, ...more: readonly string[]): Promise<string> {
  const command = /```sh\nnode (.*) 3000.*\n```/.exec(readFileSync(`examples/${name}/README.md`, 'utf8'))?.[1]
  if (command === undefined) throw new Error(`the README of ${name} has no command`)
  const child = spawn(process.execPath, [...command.split(' '), '0', ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  running = child
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  await until(() => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${errors}`)
    return output.includes('\n')
  }, 30_000)
  return output.trim()
}

async function statuses(url: string, count: number, init: RequestInit = {}): Promise<number[]> {
  const found: number[] = []
  for (let sent = 0; sent < count; sent += 1) found.push((await fetch(url, init)).status)
  return found
}

describe('each example runs by the one command of its README', () => {
  it('of all that there are', () => {
    expect(examples.map(({ name }) => name).sort()).toEqual(['express', 'fastify', 'fetch', 'hono', 'nest', 'node'])
    const options = [
      '--noEmit',
      '--ignoreConfig',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
    ]
    const checks = ['--skipLibCheck', '--allowImportingTsExtensions', '--customConditions', 'rempart-source']
    const files = examples.map(({ name }) => `examples/${name}/server.ts`)
    execFileSync(process.execPath, ['node_modules/.bin/tsc', ...options, ...checks, ...files], { stdio: 'inherit' })
  })

  it('node: a limit for everything, and slots for a slow route', async () => {
    const url = await start('node')
    expect(await statuses(url, 6)).toEqual([200, 200, 200, 200, 200, 429])
    const both = await Promise.all([fetch(`${url}/report`), fetch(`${url}/report`)])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 429])
  })

  it('fastify: a cooldown, security headers and CORS', async () => {
    const url = await start('fastify')
    expect(await statuses(`${url}/contact`, 3, { method: 'POST' })).toEqual([201, 201, 201])
    const refused = await fetch(`${url}/contact`, {
      method: 'POST',
      headers: { 'accept-language': 'fr', origin: 'https://app.example' },
    })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '300'])
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(refused.headers.get('x-frame-options')).toBe('DENY')
    expect(await refused.json()).toMatchObject({ error: 'Trop de requêtes' })
  })

  it('express: a lockout that a success forgets', async () => {
    const url = `${await start('express')}/login`
    const wrong = { method: 'POST', body: new URLSearchParams({ password: 'guess' }) }
    const right = { method: 'POST', body: new URLSearchParams({ password: 'correct horse' }) }
    expect(await statuses(url, 2, wrong)).toEqual([401, 401])
    expect(await statuses(url, 1, right)).toEqual([200])
    expect(await statuses(url, 4, wrong)).toEqual([401, 401, 401, 429])
    expect(await statuses(url, 1, right)).toEqual([429])
  })

  it.each(['express', 'fastify'])('nest on %s: a decorated handler', async (platform) => {
    const url = await start('nest', platform)
    expect(await statuses(`${url}/quote`, 4)).toEqual([200, 200, 200, 429])
  })

  it('hono: a policy file, reloaded while serving', async () => {
    const file = 'examples/hono/rempart.policy.json'
    const text = readFileSync(file, 'utf8')
    const url = `${await start('hono')}/search?q=x`
    expect(await statuses(url, 4)).toEqual([200, 200, 200, 429])
    expect(await statuses(url.replace('search', '%73EARCH'), 1)).toEqual([429])
    try {
      writeFileSync(file, text.replace('"limit": 3', '"limit": 8'))
      await until(async () => (await fetch(url)).status === 200, 10_000)
    } finally {
      writeFileSync(file, text)
    }
  })

  it('fetch: an answer of its own to refusals', async () => {
    const url = await start('fetch')
    expect(await statuses(url, 3)).toEqual([200, 200, 200])
    const refused = await fetch(url)
    expect([refused.status, await refused.text()]).toEqual([429, expect.stringMatching(/^Come back in \d+ seconds/)])
  })
})
