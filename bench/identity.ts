import pg from 'pg'
import { createPasswordHasher } from '../packages/server/src/core/credentials/password-hasher.ts'
import { assignRole, insertUser } from '../packages/server/src/core/identity/new-user.ts'
import { createId } from '../packages/server/src/core/ids.ts'
import { inTenant } from '../packages/server/src/database/tenant.ts'
import { startInstallation } from './installation.ts'
import { alternate, freePort, type Load, type LoadResult, load, median, record, startProgram } from './support.ts'

/**
 * Three figures of identity, at 64 connections (24 for sign-ins) on the same database and cores:
 * - sign-ins a second (limits, ladder by account, look-up, Argon2id, session, tokens) against the bare cost of one Argon2id;
 * - an authenticated read (token, living session, permission, tenant, one row under row-level security) against a bare
 *   Fastify route that reads the same row;
 * - refreshes a second, each of a session of its own.
 *
 * Usage: npm run bench:identity -- [rounds] [seconds]
 */
const rounds = Number(process.argv[2] ?? 5)
const seconds = Number(process.argv[3] ?? 4)
/** Of each contender, before the first round. */
const warmUpSeconds = 15
const connections = 64
/** Fewer than the queue of hashes holds, what is left of the round before included: a full one answers 503 at once. */
const signInConnections = 24
const password = 'seven purple candles'

const installation = await startInstallation(['general', 'auth.login', 'auth.refresh'])
const { server: ours, database, pool, tenantId } = installation
const messageId = createId()
const message = { name: 'Ada', email: 'ada@example.org', message: 'Good morning, I would like to know more.' }
const hash = await createPasswordHasher().hash(password)
const emails = Array.from({ length: connections }, (_, index) => `bench-${index}@example.org`)
await inTenant(pool, tenantId, async (tx) => {
  await tx
    .insertInto('contact_message')
    .values({ tenant_id: tenantId, id: messageId, locale: 'en', ...message })
    .execute()
  for (const email of emails) {
    const userId = await insertUser(tx, {
      tenantId,
      email,
      locale: 'en',
      passwordHash: hash,
      emailVerifiedAt: new Date(),
    })
    if (userId === undefined) throw new Error('the address is taken')
    await assignRole(tx, { tenantId, userId, roleCode: 'viewer', grantedBy: 'operator:cli' })
  }
})
const owner = new pg.Client(database.connection('rempart_owner'))
await owner.connect()
await owner.query(
  'create table bench_message (id uuid primary key, name text, email text, message text, created_at timestamptz default now())',
)
await owner.query('insert into bench_message (id, name, email, message) values ($1, $2, $3, $4)', [
  messageId,
  message.name,
  message.email,
  message.message,
])
await owner.query('grant select on bench_message to rempart_app')
const basePort = await freePort()
const { host, port: socketPort } = database.connection('rempart_app')
const bare = await startProgram(['bench/baseline-identity.ts'], {
  port: basePort,
  path: '/health',
  env: { BENCH_PORT: String(basePort), BENCH_DB_HOST: host, BENCH_DB_PORT: String(socketPort) },
})

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}
const tenant = { 'x-tenant-id': 'bench' }
async function call(path: string, body: object): Promise<Tokens> {
  const answer = await fetch(`${ours.url}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...tenant },
    body: JSON.stringify(body),
  })
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
  return answer.json() as Promise<Tokens>
}

const sessions: Tokens[] = []
for (const email of emails) sessions.push(await call('/auth/login', { email, password }))
// As the database does by itself within minutes of its first rows: until then it guesses how to find them.
await owner.query('analyze')
await owner.end()
let turn = 0
const nextSignIn = () => {
  turn += 1
  const from = `10.${(turn >> 16) & 255}.${(turn >> 8) & 255}.${turn & 255}`
  const email = emails[turn % emails.length]
  return {
    path: '/api/v1/auth/login',
    body: JSON.stringify({ email, password }),
    headers: { 'x-forwarded-for': from },
  }
}
/** What was cut off at the end of a round is hashed all the same: the next round is not to pay for it. */
async function signInLoad(rest: Pick<Load, 'url' | 'next' | 'headers'>, forSeconds = seconds): Promise<LoadResult> {
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  return load({ seconds: forSeconds, connections: signInConnections, method: 'POST', ...rest })
}
const hashes = {
  url: bare.url,
  next: () => ({ path: '/hash', body: JSON.stringify({ password }) }),
}
const ownSignIns = { url: ours.url, headers: tenant, next: nextSignIn }

console.log(`identity at ${connections} connections, ${rounds} rounds of ${seconds} s`)
// Sixty a second are few for a compiler that waits for thousands of calls: a server is measured as it is after a while.
for (const each of [hashes, ownSignIns]) await signInLoad(each, warmUpSeconds)
const signIns = await alternate(rounds, {
  'one argon2id': () => signInLoad(hashes),
  'sign-in': () => signInLoad(ownSignIns),
})
// Each request is of another of the signed-in people.
const nextReader = (): Readonly<Record<string, string>> => {
  turn += 1
  return { authorization: `Bearer ${sessions[turn % sessions.length]?.access_token}` }
}
const readLoad = (url: string, path: string, forSeconds = seconds): Promise<LoadResult> =>
  load({ url, seconds: forSeconds, connections, method: 'GET', next: () => ({ path, headers: nextReader() }) })
const bareRead = [bare.url, `/messages/${messageId}`] as const
const ownRead = [ours.url, `/api/v1/contact/messages/${messageId}`] as const
for (const [url, path] of [bareRead, ownRead]) await readLoad(url, path, warmUpSeconds)
const reads = await alternate(rounds, {
  'bare read': () => readLoad(...bareRead),
  'authenticated read': () => readLoad(...ownRead),
})

/** Refreshes of so many sessions side by side, each with the token that the one before gave. */
async function refreshFor(milliseconds: number): Promise<number> {
  const until = performance.now() + milliseconds
  let count = 0
  const chain = async (index: number): Promise<void> => {
    while (performance.now() < until) {
      sessions[index] = await call('/auth/refresh', { refresh_token: sessions[index]?.refresh_token })
      count += 1
    }
  }
  await Promise.all(sessions.map((_, index) => chain(index)))
  return count / (milliseconds / 1_000)
}
const refreshes: number[] = []
for (let round = 0; round < rounds; round += 1) refreshes.push(await refreshFor(seconds * 1_000))

const rate = (runs: readonly { readonly perSecond: number }[]): number =>
  Math.round(median(runs.map(({ perSecond }) => perSecond)))
const ratio = (part: number, whole: number): number => Math.round((part / whole) * 100) / 100
const perSecond = {
  'one argon2id': rate(signIns['one argon2id']),
  'sign-in': rate(signIns['sign-in']),
  'bare read': rate(reads['bare read']),
  'authenticated read': rate(reads['authenticated read']),
  refresh: Math.round(median(refreshes)),
}
const ratios = {
  'sign-in': ratio(perSecond['sign-in'], perSecond['one argon2id']),
  'authenticated read': ratio(perSecond['authenticated read'], perSecond['bare read']),
}
console.log(perSecond, ratios)
const targets = { 'sign-in': 'must 0.9', 'authenticated read': 'must 0.6, aim 0.8' }
const runs = { ...signIns, ...reads }
record('identity', { connections, signInConnections, rounds, seconds, warmUpSeconds, perSecond, ratios, targets, runs })
await bare.stop()
await installation.stop()
