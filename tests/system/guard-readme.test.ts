import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/processes.ts'
import { compileSnippets, readSnippets } from '../support/readme-snippets.ts'

const snippets = readSnippets()
let compiled: readonly string[] = []
beforeAll(() => {
  compiled = compileSnippets(snippets, 'packages/guard/dist/readme')
})

let running: ChildProcess | undefined
afterEach(() => {
  running?.kill('SIGKILL')
  running = undefined
})

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => found(port))
    })
  })
}

/** Starts the snippet under a line of the README. */
async function start(title: RegExp): Promise<string> {
  const index = snippets.findIndex((snippet) => title.test(snippet.title))
  const program = compiled[index]
  if (program === undefined) throw new Error(`the README has no program under ${title}`)
  const port = await freePort()
  const child = spawn(process.execPath, ['--conditions=rempart-source', resolve(program)], {
    env: { PATH: process.env['PATH'], PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  running = child
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    return fetch(`${url}/health`).then(
      () => true,
      () => false,
    )
  }, 30_000)
  return url
}

describe('the programs of the guard’s README', () => {
  it('compile, all of them', () => {
    expect(compiled).toHaveLength(snippets.length)
    expect(snippets.length).toBe((readFileSync('packages/guard/README.md', 'utf8').match(/^```ts$/gm) ?? []).length)
  })

  it.each([
    [/^Plain Node/, 'GET', '/', 120],
    [/^Fastify 5/, 'POST', '/contact', 3],
    [/^Express 5/, 'POST', '/contact', 3],
    [/^NestJS 11/, 'POST', '/contact', 3],
    [/^Hono 4/, 'GET', '/', 120],
    [/^Any server/, 'GET', '/', 120],
  ] as const)('start a protected server in a few lines: %s', async (title, method, path, limit) => {
    const url = await start(title)
    const statuses: number[] = []
    for (let sent = 0; sent <= limit; sent += 1) statuses.push((await fetch(url + path, { method })).status)
    expect(statuses.slice(0, -1).every((status) => status < 300)).toBe(true)
    expect(statuses.at(-1)).toBe(429)
  })
})
