import { createPasswordHasher } from '../packages/server/src/core/credentials/password-hasher.ts'
import { insertUser } from '../packages/server/src/core/identity/new-user.ts'
import { inTenant, type Tx } from '../packages/server/src/database/tenant.ts'
import { startInstallation } from './installation.ts'
import { median, record } from './support.ts'

/**
 * Whether the time of an answer tells which addresses have an account: sign-in with a wrong password and the request for
 * a new one, for known, unknown, switched-off, unconfirmed and passwordless accounts, one of each in turn, each address
 * once. The Mann-Whitney test of each kind against the unknown ones: |z| under 3 is what chance gives.
 *
 * Usage: npm run bench:enumeration -- [samples]
 */
const samples = Number(process.argv[2] ?? 400)
const kinds = ['known', 'unknown', 'switched off', 'unconfirmed', 'without password'] as const
type Kind = (typeof kinds)[number]

const installation = await startInstallation(['general', 'auth.login', 'password-reset.request'])
const { server, pool, tenantId } = installation
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
  'password reset': (email: string) => ask('/password-reset/request', { email }),
}
const results: Record<string, object> = {}
for (const [route, send] of Object.entries(routes)) {
  const times: Record<Kind, number[]> = {
    known: [],
    unknown: [],
    'switched off': [],
    unconfirmed: [],
    'without password': [],
  }
  const statuses = new Set<number>()
  for (let index = 0; index < samples; index += 1) {
    // In another order each time: whoever comes after a slow one may be slower.
    const order = kinds.map((_, place) => kinds[(place + index) % kinds.length] as Kind)
    for (const kind of order) {
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
  results[route] = { statuses: [...statuses], kinds: compared }
}
record('enumeration', { samples, target: '|z| under 3 for each kind', results })
await installation.stop()
