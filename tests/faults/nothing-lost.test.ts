import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { send, until } from '../support/processes.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { createTenantWithForm, publishForm, workerPool } from '../support/tenant-with-form.ts'
import { acknowledged, betrayals, readStored } from './intake-audit.ts'
import { type Ledger, startLoad, submission, visitor, WITHOUT_LIMITS } from './intake-load.ts'

const ROUNDS = 20
const WRITERS = 64
/** On a machine that has a processor for whoever wants one; where more want one, the bound grows as all else does. */
const READY_WITHIN_MS = 5_000
const KILLS = ['Node', 'PostgreSQL', 'both'] as const

it('no acknowledged lead is lost or doubled when Node, PostgreSQL or both are killed twenty times under load', {
  timeout: 180_000,
}, async () => {
  const random = seeded(Number(process.env['REMPART_TEST_SEED'] ?? Date.now() % 1_000_000))
  const server = await startServerProcess({ policies: WITHOUT_LIMITS, env: { REMPART_LOG_LEVEL: 'warn' } })
  onTestFinished(server.remove)
  const pool = workerPool(server)
  onTestFinished(() => pool.end())

  // Each round ends after so many answers. The quota runs out under the last ones.
  const moments = Array.from({ length: ROUNDS }, () => 20 + Math.floor(random.next() * 380))
  const quota = Math.floor(0.85 * moments.reduce((sum, answers) => sum + answers, 0))
  const tenant = await createTenantWithForm(pool, { maxLeadsPerMonth: quota })
  const tokenForm = await publishForm(pool, tenant.id, 'ask-with-token', { renderToken: 'required' })
  const load = startLoad(server, tenant, { leadWriters: WRITERS, messageWriters: 4, tokenForm })
  const { ledger } = load

  const readyMs: { readonly killed: string; readonly ms: number }[] = []
  for (const [round, answers] of moments.entries()) {
    const killed = KILLS[round % KILLS.length] ?? 'both'
    const goal = ledger.answered + answers
    await until(() => ledger.answered >= goal, 30_000)
    await delay(random.next() * 25)
    readyMs.push({ killed, ms: await killAndWait(server, killed) })

    const told = acknowledged(ledger)
    expect(betrayals(await readStored(pool, tenant.id), told, ledger, { quota, tokenForm })).toEqual([])
  }
  await load.stop()

  const stored = await readStored(pool, tenant.id)
  const told = acknowledged(ledger)
  expect(betrayals(stored, told, ledger, { quota, tokenForm })).toEqual([])
  expect(stored.leads).toHaveLength(quota)
  expect(told.leads).toHaveLength(quota)
  expect(ledger.surprises).toEqual([])
  expect(await answersToEqualRequests(server, tenant, ledger)).toEqual({
    replayed: quota,
    refused: ledger.leads.length - quota,
    others: [],
  })
  expect((await readStored(pool, tenant.id)).leads).toHaveLength(quota)

  const crowding = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism())
  report(random.seed, readyMs, ledger)
  expect(Math.max(...readyMs.map(({ ms }) => ms))).toBeLessThan(READY_WITHIN_MS * crowding)
})

/** @returns the milliseconds from the kill until the server is ready again. */
async function killAndWait(server: ServerProcess, killed: (typeof KILLS)[number]): Promise<number> {
  const startedMs = performance.now()
  const postmaster = server.postmaster()
  if (killed !== 'Node' && postmaster !== undefined) send(postmaster, 'SIGKILL')
  if (killed === 'PostgreSQL') {
    // Connections of the dead one may answer for an instant.
    await until(() => ![undefined, postmaster].includes(server.postmaster()), 30_000)
    await server.untilReady()
  } else {
    server.signal('SIGKILL')
    await server.ended()
    await server.start()
  }
  return performance.now() - startedMs
}

/** Sends every lead once more: what was stored is answered as before, what was refused is refused. */
async function answersToEqualRequests(server: ServerProcess, tenant: { readonly id: string }, ledger: Ledger) {
  const queue = [...ledger.leads]
  const answers = { replayed: 0, refused: 0, others: [] as string[] }
  const repeat = async (): Promise<void> => {
    const { ask, close } = visitor(server, tenant)
    for (let lead = queue.pop(); lead !== undefined; lead = queue.pop()) {
      const answer = await ask(submission(lead))
      const isReplay = answer.status === 201 && answer.headers['idempotency-replayed'] === 'true'
      if (isReplay && answer.json()['id'] === lead.id) answers.replayed += 1
      else if (answer.status === 429 && lead.state === 'refused') answers.refused += 1
      else answers.others.push(`${lead.state} ${lead.id}: ${answer.status} ${answer.text}`)
    }
    close()
  }
  await Promise.all(Array.from({ length: WRITERS }, repeat))
  return answers
}

function report(
  seed: number,
  readyMs: readonly { readonly killed: string; readonly ms: number }[],
  ledger: Ledger,
): void {
  const lines = KILLS.map((kind) => {
    const sorted = readyMs
      .filter(({ killed }) => killed === kind)
      .map(({ ms }) => Math.round(ms))
      .sort((a, b) => a - b)
    return `  ${kind} killed: ready again after ${sorted.join(', ')} ms\n`
  })
  process.stdout.write(
    `\nnothing-lost, REMPART_TEST_SEED=${seed}: ${ledger.answered} leads answered, ${ledger.retries} retries, ${ledger.leads.filter(({ isReplay }) => isReplay).length} of them stored before, load ${loadavg()[0]?.toFixed(1)}, ${acknowledged(ledger).messages.length} messages\n${lines.join('')}`,
  )
}

/** Numbers from 0 to 1 that another run gives again (mulberry32). */
function seeded(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next }
}
