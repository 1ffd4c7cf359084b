import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { json, text } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'rempart-replay-memory-'))
afterAll(() => rmSync(directory, { recursive: true }))

const main = join(import.meta.dirname, '../../packages/cli/src/main.ts')

/** Tells on descriptor 3, when the process ends, the most memory that it has had, in KiB. */
const tellPeak = `
import { readFileSync, writeSync } from 'node:fs'
process.on('exit', () => {
  const peak = process.platform === 'linux'
    ? /^VmHWM:\\s+(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]
    : String(process.resourceUsage().maxRSS)
  writeSync(3, peak)
})`

/** What `rempart replay` has found in a log that is piped to it, and the most memory that it took. */
async function replay(blocks: Iterable<Buffer>) {
  const child = spawn(
    process.execPath,
    [
      '--conditions=rempart-source',
      `--max-old-space-size=${HEAP_MIB}`,
      `--import=data:text/javascript,${encodeURIComponent(tellPeak)}`,
      main,
      'replay',
      '-',
      '--json',
    ],
    { cwd: directory, env: { PATH: '/usr/bin:/bin' }, stdio: ['pipe', 'pipe', 'inherit', 'pipe'] },
  )
  const [input, output, , told] = child.stdio
  if (input === null || output === null || !(told instanceof Readable)) throw new Error('no pipes')
  const answers = Promise.all([json(output), text(told), once(child, 'exit')])
  for (const block of blocks) if (!input.write(block)) await once(input, 'drain')
  input.end()
  const [result, peakKiB, [code]] = await answers
  expect(code).toBe(0)
  // What `--json` prints.
  const { log, clients } = result as ReplayOutput
  expect(log.bad.count).toBe(0)
  return { log, clients, peakMiB: Number(peakKiB) / 1_024 }
}

interface ReplayOutput {
  readonly log: { readonly requests: number; readonly bytes: number; readonly bad: { readonly count: number } }
  readonly clients: { readonly count: number; readonly forgotten: number }
}

/** How a log is made up: `@@@@` and `####` stand for the halves of the line's number, in hexadecimal digits. */
interface Shape {
  readonly address: string
  readonly path: string
  readonly agent: string
  /** Numbers come again after so many lines. */
  readonly distinct: number
}

const BLOCK_LINES = 4_000

/** A log of so many bytes or a little more, a block for each second. */
function* logOf({ address, path, agent, distinct }: Shape, sizeBytes: number): Generator<Buffer> {
  const template = `${address} - - [17/May/2026:hh:mm:ss +0000] "GET ${path} HTTP/1.1" 200 512 "-" "${agent}"\n`
  const line = Buffer.from(template)
  const placesOf = (mark: string): number[] => [...template.matchAll(new RegExp(mark, 'g'))].map(({ index }) => index)
  const [upper, lower] = [placesOf('@{4}'), placesOf('#{4}')]
  for (let sent = 0, second = 0; sent < sizeBytes; sent += line.length * BLOCK_LINES, second += 1) {
    const block = Buffer.alloc(line.length * BLOCK_LINES)
    line.write(new Date(second * 1_000).toISOString().slice(11, 19), template.indexOf('hh:mm:ss'))
    for (let index = 0; index < BLOCK_LINES; index += 1) {
      // An odd factor: each number comes once, and neighbours have nothing in common.
      const number = Math.imul((second * BLOCK_LINES + index) % distinct, 0x9e3779b1)
      for (const place of upper) writeHex(line, place, number >>> 16)
      for (const place of lower) writeHex(line, place, number)
      line.copy(block, index * line.length)
    }
    yield block
  }
}

function writeHex(line: Buffer, place: number, number: number): void {
  for (let digit = 0; digit < 4; digit += 1) {
    const value = (number >>> (12 - digit * 4)) & 15
    line[place + digit] = value + (value < 10 ? 48 : 87)
  }
}

const browser = 'Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0'
const MB = 1_000_000

/** Where a process with this much for its objects runs out of it, it ends with a fault. */
const HEAP_MIB = 224
/** What a longer log may cost beyond what a shorter one did: garbage that the runtime has not collected yet. */
const SLACK_MIB = 96

describe('the memory of a replay', () => {
  it('does not grow with the length of the log', async () => {
    const visits = { address: '2001:db8:@@@@:####::1', path: '/articles/@@@@####', agent: browser, distinct: 10_000 }
    const short = await replay(logOf(visits, 40 * MB))
    const long = await replay(logOf(visits, 400 * MB))
    expect(long.log.bytes).toBeGreaterThan(400 * MB)
    expect(long.clients).toMatchObject({ count: 10_000, forgotten: 0 })
    expect(long.peakMiB - short.peakMiB).toBeLessThan(SLACK_MIB)
    expect(long.peakMiB).toBeLessThan(400)
  })

  // Each line makes and forgets a client, a path and a name: some sixty times the work of a line of a real log.
  it('has a bound where each line is from another client, for another path, under another name', {
    timeout: 400_000,
  }, async () => {
    const flood = {
      address: '2001:db8:@@@@:####::1',
      // Longer than the texts that are kept whole.
      path: `/@@@@####/${'p'.repeat(150)}`,
      agent: `${'a'.repeat(300)} @@@@####`,
      distinct: 2 ** 32,
    }
    const short = await replay(logOf(flood, 180 * MB))
    const long = await replay(logOf(flood, 240 * MB))
    expect(short.clients.forgotten).toBeGreaterThan(0)
    expect(long.clients.forgotten).toBeGreaterThan(100_000)
    expect(long.peakMiB - short.peakMiB).toBeLessThan(SLACK_MIB)
    expect(long.peakMiB).toBeLessThan(640)
  })
})
