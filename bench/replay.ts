/**
 * Speed of a replay, in lines per second of processor time: `node --conditions=rempart-source bench/replay.ts [lines]`.
 * The log is made up of 10,000 clients within an hour, once as visits (a page with what it loads, then a pause) and once
 * with every line from a client drawn at random, which is the worst a processor's cache can meet.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createReplay, type PolicyInput } from '@rempart/guard'
import { median, record } from './support.ts'

const lines = Number(process.argv[2] ?? 1_000_000)
const clients = 10_000
const rounds = 7
const startSecond = Date.UTC(2026, 4, 17, 10) / 1_000

const policy: PolicyInput = {
  id: 'general',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 120, window: '60s' }],
}
const steps = [{ policyId: 'general', pattern: '/*' }]

/** Drawn alike in every run. */
function createDice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

const dice = createDice(7)
const engines = ['Chrome/148.0.0.0 Safari/537.36', 'Safari/605.1.15', 'Firefox/152.0', 'Edg/148.0.0.0']
const systems = [
  'Windows NT 10.0; Win64; x64',
  'Macintosh; Intel Mac OS X 10_15_7',
  'X11; Linux x86_64',
  'iPhone; CPU iPhone OS 19_1',
]
const addresses = Array.from({ length: clients }, () => `${11 + dice(180)}.${dice(256)}.${dice(256)}.${1 + dice(254)}`)
const agents = Array.from(
  { length: 400 },
  (_, index) =>
    `Mozilla/5.0 (${systems[index % 4]}; rv:${100 + (index >> 4)}.0) AppleWebKit/537.36 (KHTML, like Gecko) ${engines[(index >> 2) % 4]}`,
)
const pages = Array.from(
  { length: 600 },
  (_, index) => `/articles/${2_018 + (index % 9)}/a-page-about-something-${index}/`,
)
const assets = Array.from(
  { length: 900 },
  (_, index) => `/static/assets/bundle-${index}.${['js', 'css', 'png', 'woff2'][index % 4]}`,
)

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (value: number): string => String(value).padStart(2, '0')
function time(second: number): string {
  const date = new Date(second * 1_000)
  const day = `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  return `${day}:${date.toISOString().slice(11, 19)} +0000`
}

function line(client: number, second: number, path: string): string {
  const referrer = `https://www.example.org${pages[client % pages.length]}`
  return `${addresses[client]} - - [${time(second)}] "GET ${path} HTTP/2.0" 200 ${1_000 + dice(90_000)} "${referrer}" "${agents[client % agents.length]}"\n`
}

/** Requests as they come: for each, its client and whether it is a page. */
function drawRequests(isShuffled: boolean): { client: number; second: number; path: string }[] {
  const requests: { client: number; second: number; path: string }[] = []
  while (requests.length < lines) {
    const client = Math.floor((clients * dice(65_536) * dice(65_536)) / 2 ** 32)
    const begin = dice(3_600)
    for (let page = 0, at = begin; page < 1 + dice(5) && at < 3_600; page += 1, at += 5 + dice(60)) {
      requests.push({ client, second: at, path: pages[dice(pages.length)] ?? '/' })
      for (let asset = 0; asset < 9; asset += 1) {
        requests.push({ client, second: Math.min(3_599, at + (asset >> 2)), path: assets[dice(assets.length)] ?? '/' })
      }
    }
  }
  if (isShuffled) for (const request of requests) request.client = dice(clients)
  requests.length = lines
  return requests.sort((one, other) => one.second - other.second)
}

function writeLog(file: string, isShuffled: boolean): void {
  const target = openSync(file, 'w')
  let text = ''
  for (const { client, second, path } of drawRequests(isShuffled)) {
    text += line(client, startSecond + second, path)
    if (text.length > 1_000_000) {
      writeSync(target, text)
      text = ''
    }
  }
  writeSync(target, text)
  closeSync(target)
}

const buffer = Buffer.allocUnsafeSlow(1_048_576)

/** Lines per second of processor time, reading from the file and making the results included. */
function replay(file: string): number {
  const run = createReplay({ policies: { name: 'bench', policies: [policy], routing: { policiesOf: () => steps } } })
  const before = process.cpuUsage()
  const source = run.open(file)
  const from = openSync(file, 'r')
  for (let count = -1; count !== 0; ) {
    count = readSync(from, buffer)
    if (count > 0) source.push(buffer.subarray(0, count))
  }
  closeSync(from)
  source.end()
  const result = run.finish(false)
  const { user, system } = process.cpuUsage(before)
  if (result.log.requests !== lines || result.trials[0]?.requests !== lines) throw new Error('lines were lost')
  return lines / ((user + system) / 1e6)
}

const directory = mkdtempSync(join(tmpdir(), 'rempart-bench-'))
try {
  const cases = { visits: join(directory, 'visits.log'), shuffled: join(directory, 'shuffled.log') }
  writeLog(cases.visits, false)
  writeLog(cases.shuffled, true)
  const bytesPerLine = statSync(cases.visits).size / lines
  const runs: Record<keyof typeof cases, number[]> = { visits: [], shuffled: [] }
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of ['visits', 'shuffled'] as const) {
      const perSecond = replay(cases[name])
      // The first round compiles.
      if (round > 0) runs[name].push(Math.round(perSecond))
      console.log(`  ${name.padEnd(10)} ${(perSecond / 1e6).toFixed(2)} M lines/s of a core`)
    }
  }
  record('replay', {
    lines,
    clients,
    bytesPerLine: Math.round(bytesPerLine),
    linesPerCoreSecond: { visits: Math.round(median(runs.visits)), shuffled: Math.round(median(runs.shuffled)) },
    targets: { visits: 'must 1,000,000, aim 2,000,000' },
    runs,
    // A run of the command over a log of ten gigabytes, made by hand, is kept beside these figures.
    piped: JSON.parse(readFileSync('bench/results/replay.json', 'utf8')).piped,
  })
} finally {
  rmSync(directory, { recursive: true })
}
