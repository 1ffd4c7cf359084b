import { existsSync, readFileSync } from 'node:fs'
import { personSubject, useSubjectKey } from '../packages/server/src/core/audit/subject-keys.ts'
import { createPasswordHasher } from '../packages/server/src/core/credentials/password-hasher.ts'
import { insertUser } from '../packages/server/src/core/identity/new-user.ts'
import { inTenant, type Tx } from '../packages/server/src/database/tenant.ts'
import { startInstallation } from './installation.ts'
import { median, record } from './support.ts'

/**
 * Whether the time of an answer tells which addresses have an account: sign-in with a wrong password, the request for a
 * new one and a registration, for known, unknown, switched-off, unconfirmed and passwordless accounts, one of each in a
 * random order, each address once. The Mann-Whitney test of each kind against the unknown ones: |z| under 3 is what
 * chance gives.
 *
 * Usage: npm run bench:enumeration -- [samples] [sign-in|password-reset|registration]
 */
const [, , count = '400', only] = process.argv
const samples = Number(count)
const kinds = ['known', 'unknown', 'switched off', 'unconfirmed', 'without password'] as const
type Kind = (typeof kinds)[number]

const installation = await startInstallation(['general', 'auth.login', 'password-reset.request', 'auth.register'])
const { server, pool, tenantId, auditRing } = installation
const hash = await createPasswordHasher().hash('seven purple candles')
const addressOf = (kind: Kind, index: number): string => `${kind.replaceAll(' ', '-')}-${index}@example.org`
async function makeAccount(tx: Tx, kind: Kind, index: number): Promise<void> {
  const userId = await insertUser(tx, {
    tenantId,
    email: addressOf(kind, index),
    locale: 'en',
    ...(kind !== 'without password' && { passwordHash: hash }),
    ...(kind !== 'unconfirmed' && { emailVerifiedAt: new Date() }),
  })
  if (userId === undefined) throw new Error('the address is taken')
  // As the entry of whatever made the account has done.
  await useSubjectKey(tx, auditRing, tenantId, personSubject(userId))
  if (kind !== 'switched off') return
  await tx.updateTable('user_account').set({ is_active: false }).where('id', '=', userId).execute()
}
await inTenant(pool, tenantId, async (tx) => {
  for (const kind of kinds.filter((each) => each !== 'unknown')) {
    for (let index = 0; index < samples; index += 1) await makeAccount(tx, kind, index)
  }
})

let client = 0
async function ask(path: string, body: object): Promise<{ readonly ms: number; readonly status: number }> {
  client += 1
  const from = `10.${(client >> 16) & 255}.${(client >> 8) & 255}.${client & 255}`
  const startedMs = performance.now()
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': 'bench', 'x-forwarded-for': from },
    body: JSON.stringify(body),
  })
  await answer.arrayBuffer()
  return { ms: performance.now() - startedMs, status: answer.status }
}

function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((each) => ({ each, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ each }) => each)
}

/** The normal approximation of the Mann-Whitney statistic: how many standard deviations the ranks lie apart. */
function mannWhitneyZ(left: readonly number[], right: readonly number[]): number {
  const all = [...left.map((ms) => ({ ms, isLeft: true })), ...right.map((ms) => ({ ms, isLeft: false }))]
  all.sort((one, other) => one.ms - other.ms)
  const rankSum = all.reduce((sum, { isLeft }, index) => (isLeft ? sum + index + 1 : sum), 0)
  const [n, m] = [left.length, right.length]
  const u = rankSum - (n * (n + 1)) / 2
  return (u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12)
}

const routes = {
  'sign-in': (email: string) => ask('/auth/login', { email, password: 'eight purple candles' }),
  'password-reset': (email: string) => ask('/password-reset/request', { email }),
  registration: (email: string) => ask('/auth/register', { email, password: 'seven purple candles' }),
}
/** A run of one route keeps the figures of the others. */
const file = 'bench/results/enumeration.json'
const results: Record<string, object> =
  only === undefined || !existsSync(file) ? {} : JSON.parse(readFileSync(file, 'utf8')).results
for (const [route, send] of Object.entries(routes)) {
  const times: Record<Kind, number[]> = {
    known: [],
    unknown: [],
    'switched off': [],
    unconfirmed: [],
    'without password': [],
  }
  if (only !== undefined && only !== route) continue
  const statuses = new Set<number>()
  for (let index = 0; index < samples; index += 1) {
    // In any order: whoever comes after one that leaves work behind may be slower.
    for (const kind of shuffled(kinds)) {
      const { ms, status } = await send(addressOf(kind, index))
      times[kind].push(ms)
      statuses.add(status)
    }
  }
  const compared = Object.fromEntries(
    kinds.map((kind) => [
      kind,
      {
        medianMs: Math.round(median(times[kind]) * 100) / 100,
        z: kind === 'unknown' ? null : Math.round(mannWhitneyZ(times[kind], times.unknown) * 100) / 100,
      },
    ]),
  )
  console.log(route, [...statuses], compared)
  results[route] = { samples, statuses: [...statuses], kinds: compared }
}
record('enumeration', { target: '|z| under 3 for each kind', results })
await installation.stop()
