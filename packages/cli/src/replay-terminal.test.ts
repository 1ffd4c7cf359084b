import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, it } from 'vitest'

const directory = mkdtempSync(join(tmpdir(), 'rempart-cli-terminal-'))
afterAll(() => rmSync(directory, { recursive: true }))

const line = (index: number): string =>
  `203.0.113.${index % 200} - - [17/May/2026:10:${String(Math.floor(index / 8_000) % 60).padStart(2, '0')}:00 +0000] "GET /page/${index % 50} HTTP/1.1" 200 512 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"\n`
const lines = 240_000
writeFileSync(join(directory, 'access.log'), Array.from({ length: lines }, (_, index) => line(index)).join(''))

const main = join(import.meta.dirname, 'main.ts')
const command = `'${process.execPath}' --conditions=rempart-source '${main}' replay access.log`
const env = { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', TERM: 'xterm', COLUMNS: '100' }

/** Util-linux's program that gives a command a terminal. */
const terminal = '/usr/bin/script'

/** Runs a shell command to its end on a terminal of its own, and answers what that was sent. */
async function onTerminal(shell: string): Promise<string> {
  const child = spawn(terminal, ['-qefc', shell, '/dev/null'], {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [shown, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect(code).toBe(0)
  return shown
}

/** The bars that were drawn, in the order of their drawing: how much of 100 each said. */
const sharesOf = (shown: string): number[] =>
  [...shown.matchAll(/\r\[#*-*\] (\d+)% {2}[\d,]+ lines/g)].map(([, share]) => Number(share))

const wiped = '\r\u001B[K'

// `script` gives a command a terminal; only that of util-linux is asked the way it is here.
describe.runIf(process.platform === 'linux')('replay on a terminal', () => {
  it('draws how far it is on one line, and wipes it away before the results', async () => {
    const shown = await onTerminal(command)
    const shares = sharesOf(shown)
    expect(shares.length).toBeGreaterThan(1)
    expect(shares).toEqual([...shares].sort((one, other) => one - other))
    const end = shown.lastIndexOf(wiped)
    const [bars, results] = [shown.slice(0, end), shown.slice(end)]
    expect(bars).not.toContain('\n')
    expect(results).toContain(`requests in 240,000 lines`)
    expect(results).not.toContain('[#')
  }, 30_000)

  it('draws it beside JSON that goes elsewhere, which stays JSON', async () => {
    const shown = await onTerminal(`${command} --json > result.json`)
    expect(sharesOf(shown).length).toBeGreaterThan(1)
    expect(shown.endsWith(wiped)).toBe(true)
    expect(JSON.parse(readFileSync(join(directory, 'result.json'), 'utf8')).log.requests).toBe(lines)
  }, 30_000)

  it('draws nothing where the errors go elsewhere', async () => {
    const shown = await onTerminal(`${command} --json 2> errors.txt`)
    expect(JSON.parse(shown).log.requests).toBe(lines)
    expect(readFileSync(join(directory, 'errors.txt'), 'utf8')).toBe('')
  }, 30_000)
})
