import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { commandLine } from './testing/installation.ts'

const { directory, launch, ...commands } = commandLine()
/** By its name alone, as it is said again. */
const file = (name: string, content: string | Uint8Array): string => basename(commands.file(name, content))

/** As many processes at a time as there are processors on a small machine. */
const places = [Promise.resolve(), Promise.resolve()]
let turn = 0

/** Runs `rempart replay …` to its end. */
function replay(args: readonly string[], input: string | Uint8Array = '', env: Readonly<Record<string, string>> = {}) {
  const place = turn % places.length
  turn += 1
  const reply = (places[place] ?? Promise.resolve()).then(() => commands.run(['replay', ...args], { input, env }))
  places[place] = reply.then(() => undefined)
  return reply
}

const json = async (args: readonly string[], input: string | Uint8Array = '') => {
  const reply = await replay([...args, '--json'], input)
  return { ...reply, result: JSON.parse(reply.stdout) }
}

const start = Date.UTC(2026, 4, 17, 10)
const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'

function line(address: string, second: number, request = 'GET /', agent = browser): string {
  const time = new Date(start + second * 1_000).toISOString()
  return `${address} - - [${time.slice(8, 10)}/May/2026:${time.slice(11, 19)} +0000] "${request} HTTP/1.1" 200 512 "-" "${agent}"\n`
}

/** A visitor who reads, a program that insists, and somebody who writes to the contact form five times. */
const lines = [
  ...Array.from({ length: 40 }, (_, index) => line('203.0.113.10', index * 30, `GET /page/${index}`)),
  ...Array.from({ length: 300 }, (_, index) =>
    line('203.0.113.20', Math.floor(index / 4), 'GET /search', 'curl/8.9.1'),
  ),
  ...Array.from({ length: 5 }, (_, index) => line('203.0.113.30', 600 + index, 'POST /api/v1/contact')),
  ...Array.from({ length: 500 }, () => line('203.0.113.40', 700, 'GET /health')),
].sort((one, other) => one.slice(20, 50).localeCompare(other.slice(20, 50)))
const whole = lines.join('')
const log = file('access.log', whole)
const tight = file('tight.yaml', 'version: 1\npolicies:\n  general:\n    rules: { burst: { limit: 50 } }\n')

describe('replay', () => {
  it('puts each request under the policy that the server would, and says who would have been refused', async () => {
    const reply = await replay([log])
    expect([reply.code, reply.stderr]).toEqual([0, ''])
    expect(reply.stdout).toMatch(
      /^This policy would have refused [\d.]+% of requests, from 2 of 4 clients; none of them looks human\.\n/,
    )
    expect(reply.stdout).toMatch(
      /^contact\.submit\/burst +3 in 60\u00a0s per address, then 5\u00a0min of cooldown +5 +2 +1 +1$/m,
    )
    expect(reply.stdout).toMatch(/^general\/burst +120 in 60\u00a0s per address +340 +\d+ +2 +1$/m)
    expect(reply.stdout).toMatch(
      /^203\.0\.113\.\* #[\da-f]{6} +300 +\d+ +general\/burst +automated \d+ +-45 says that it is a program/m,
    )
    expect(reply.stdout).not.toContain('203.0.113.20')
  }, 60_000)

  it('reads standard input, gzip, zstd and several files alike, whatever their order', async () => {
    const half = lines.length / 2
    const parts = [0, 1, 2].map((part) => file(`part.${part}`, lines.filter((_, index) => index % 3 === part).join('')))
    const rotated = [
      file('new.log', lines.slice(half).join('')),
      file('old.log.gz', gzipSync(lines.slice(0, half).join(''))),
    ]
    const replies = await Promise.all([
      json([log]),
      json(['-'], whole),
      json(['-'], gzipSync(whole)),
      json([file('access.gz', gzipSync(whole))]),
      json([file('access.zst', zstdCompressSync(whole))]),
      // Two packed files joined are one.
      json([
        file(
          'joined.gz',
          Buffer.concat([gzipSync(lines.slice(0, half).join('')), gzipSync(lines.slice(half).join(''))]),
        ),
      ]),
      json(rotated),
      json(parts),
    ])
    const figures = replies.map(({ code, result }) => [
      code,
      result.isPartial,
      result.log.requests,
      result.trials[0].refused,
    ])
    expect(figures).toEqual(replies.map(() => [0, false, lines.length, figures[0]?.[3]]))
    expect(figures[0]?.[3]).toBeGreaterThan(100)
  }, 60_000)

  it('compares two policies and suggests a limit', async () => {
    const { result } = await json([
      log,
      '--policy',
      tight,
      '--compare',
      file('plain.yaml', 'version: 1\npolicies: {}\n'),
      '--suggest',
      '30%',
      '--show-addresses',
    ])
    expect(result.trials.map(({ name }: { name: string }) => name)).toEqual(['tight.yaml', 'plain.yaml'])
    expect(result.comparison).toMatchObject({
      clients: { both: 2, onlyFirst: 0, onlySecond: 0 },
      requests: { onlySecond: 0 },
    })
    expect(result.comparison.requests.onlyFirst).toBeGreaterThan(0)
    const general = result.trials[0].rules.find(({ policyId }: { policyId: string }) => policyId === 'general')
    expect(general.limits.suggestion).toMatchObject({ targetShare: 0.3, clients: 0 })
    expect(general.limits.suggestion.limit).toBeGreaterThan(200)
    expect(result.trials[0].refusedClients[0].client).toBe('203.0.113.20')
    const said = await replay([log, '--policy', tight, '--compare', 'plain.yaml', '--suggest', '0,5'])
    expect(said.stdout).toContain('tight.yaml compared with plain.yaml\n')
    expect(said.stdout).toMatch(
      /^general\/burst \(50 in 60\u00a0s per address\): A limit of \d+ would refuse at most 50% of clients/m,
    )
  }, 60_000)

  it('is under the policies of a file alone where it is asked to be', async () => {
    const gateway = file(
      'gateway.yaml',
      'version: 1\npolicies:\n  search:\n    match: { path: /search }\n    rules: { burst: { kind: rate-limit, by: ip, limit: 10, window: 1h } }\n',
    )
    const { result } = await json([log, '--policy', gateway, '--alone'])
    expect(result.trials[0]).toMatchObject({ exempt: lines.length - 300, refused: 290 })
  }, 60_000)

  it('writes a page that its owner alone may read, in either language', async () => {
    const reply = await replay([log, '--html', 'report.html', '--language', 'fr'])
    expect([reply.code, reply.stderr]).toEqual([0, 'The report is in report.html.\n'])
    const page = join(directory, 'report.html')
    expect(statSync(page).mode & 0o777).toBe(0o600)
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>\n<html lang="fr">[\s\S]*Cette politique aurait refusé/)
    const refused = await replay([log, '--html', '/proc/report.html'])
    expect([refused.code, refused.stderr]).toEqual([1, 'The file /proc/report.html cannot be written.\n'])
  }, 60_000)

  it('is said in French where the locale is', async () => {
    const reply = await replay([log], '', { LC_ALL: 'fr_FR.UTF-8' })
    expect(reply.stdout).toMatch(/^Cette politique aurait refusé [\d,]+\u00a0% des requêtes, venant de 2 clients sur 4/)
    const usage = await replay([log, '--suggest', 'peu'], '', { LC_ALL: 'fr_FR.UTF-8' })
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringContaining('une part telle que 0.1% ou 0.001')])
  }, 60_000)

  it('prints no character of a log that would act on the terminal', async () => {
    const agent = 'x\u001b[2J\u001b]0;owned\u0007\u202E'
    const hostile = Array.from({ length: 200 }, () =>
      JSON.stringify({
        ts: start / 1_000,
        status: 200,
        request: { client_ip: '203.0.113.9', method: 'GET', uri: '/\u001b[31m', headers: { 'User-Agent': [agent] } },
      }),
    )
    const reply = await replay(['-', '--top', '100'], `${hostile.join('\n')}\n\u001b[31mbad\u0007\n`)
    expect(reply.code).toBe(0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(reply.stdout + reply.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/)
  }, 60_000)
})

describe('what goes wrong', () => {
  it('tells what could be read of a packed log that is cut off, and ends with 1', async () => {
    const cut = file('cut.gz', gzipSync(Buffer.from(whole + whole)).subarray(0, -600))
    const { code, stderr, result } = await json([cut])
    expect([code, stderr]).toEqual([1, 'cut.gz is cut off or damaged: what could be read of it counts.\n'])
    expect(result.isPartial).toBe(true)
    expect(result.log.requests).toBeGreaterThan(0)
  }, 60_000)

  it.each([
    ['a file that is not there', ['nowhere.log'], 1, 'nowhere.log cannot be read'],
    ['a directory', ['.'], 1, 'The file . cannot be read'],
    ['a log of no known format', ['tight.yaml'], 1, 'None of the lines is of a known format'],
    ['a policy with a fault', ['access.log', '--policy', 'access.log'], 1, 'access.log'],
    ['standard input twice', ['-', '-'], 1, 'Standard input can be read once only'],
    ['no log', [], 2, 'missing required argument'],
    ['a share above one', ['access.log', '--suggest', '101%'], 2, 'Expected a share'],
    ['an unknown format', ['access.log', '--format', 'xml'], 2, 'Allowed choices'],
    ['a window too long', ['access.log', '--reorder', '2h'], 2, 'Expected a duration'],
    [
      'a proxy that is none',
      ['access.log', '--trusted-proxy', 'proxy.example'],
      1,
      'neither an address nor a CIDR block',
    ],
  ])(
    'ends for %s, and says so without a stack',
    async (_what, args, code, said) => {
      const reply = await replay(args)
      expect([reply.code, reply.stdout, reply.stderr]).toEqual([code, '', expect.stringContaining(said)])
      expect(reply.stderr).not.toMatch(/^ +at /m)
    },
    60_000,
  )

  it('prints the results so far when it is interrupted', async () => {
    const child = launch(['replay', '-', '--json'])
    const results = text(child.stdout)
    const said = text(child.stderr)
    child.stdin.on('error', () => undefined)
    // More than the pipe and both ends hold: when it has drained, the command is reading.
    const block = whole.repeat(20)
    for (let sent = 0; sent < 4_000_000; sent += block.length) {
      if (!child.stdin.write(block)) await once(child.stdin, 'drain')
    }
    child.kill('SIGINT')
    const feeding = setInterval(() => child.stdin.write(whole), 20)
    const [code] = await once(child, 'exit')
    clearInterval(feeding)
    expect([code, await said]).toEqual([130, 'Stopped: these are the results so far.\n'])
    const result = JSON.parse(await results)
    expect(result.isPartial).toBe(true)
    expect(result.log.requests).toBeGreaterThan(0)
  }, 60_000)
})
