import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { webhookEvents } from '../../packages/server/src/core/webhooks/events.ts'
import { createSecret, signedHeaders } from '../../packages/server/src/modules/webhooks/secret.ts'
import { until } from '../support/processes.ts'

const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/receive-webhooks.md'), 'utf8')

/** Runs the receiver of the guide on a port of its own. */
async function startGuideReceiver(secret: string): Promise<{ readonly url: string; output(): string }> {
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(guide) ?? []
  // Within the server's package, so that what it imports is found.
  const directory = join(import.meta.dirname, '../../packages/server/.receive-webhooks')
  mkdirSync(directory, { recursive: true })
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, `${randomUUID()}.ts`)
  const listening = "listen(0, '127.0.0.1', function () { console.log(JSON.stringify(this.address())) })"
  expect(code).toContain('listen(4000)')
  writeFileSync(file, code.replace('listen(4000)', listening))
  const child: ChildProcess = spawn(process.execPath, [file], {
    env: { WEBHOOK_SECRET: secret },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  await until(() => output.includes('\n'), 10_000)
  return { url: `http://127.0.0.1:${JSON.parse(output.split('\n')[0] ?? '').port}/`, output: () => output }
}

it('the receiver of the guide takes what is signed, once, and refuses what is changed, old or of another', async () => {
  const secret = createSecret()
  const receiver = await startGuideReceiver(secret)
  const body = JSON.stringify({ type: 'user.created', timestamp: new Date().toISOString(), data: {} })
  const post = async (sent: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    (await fetch(receiver.url, { method: 'POST', body: sent, headers })).status
  const signed = signedHeaders([createSecret(), secret], { id: randomUUID(), body, at: new Date() })
  expect(await post(body, signed)).toBe(204)
  expect(await post(body, signed)).toBe(204)
  expect(receiver.output().match(/user\.created/g)).toHaveLength(1)
  expect(await post(body.replace('created', 'deleted'), signed)).toBe(401)
  expect(await post(body, {})).toBe(401)
  expect(await post(body, signedHeaders([createSecret()], { id: randomUUID(), body, at: new Date() }))).toBe(401)
  const old = signedHeaders([secret], { id: randomUUID(), body, at: new Date(Date.now() - 301_000) })
  expect(await post(body, old)).toBe(401)
})

it('the guide names every event, and no other', () => {
  const table = guide.slice(guide.search(/\| event +\|/), guide.indexOf('Those with `actor`'))
  const named = table
    .split('\n')
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([a-z-]+\.[a-z-]+)`/g)])
    .map(([, name]) => name)
  expect(named.toSorted()).toEqual([...webhookEvents, 'webhook.test'].toSorted())
})
