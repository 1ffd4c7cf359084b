import { join } from 'node:path'
import { createPool, type Pool } from '../../packages/server/src/database/connect.ts'
import { createApiKey } from '../../packages/server/src/modules/api-keys/service.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import type { Answer } from '../support/http-client.ts'
import { type ServerProcess, startServerProcess } from '../support/server-process.ts'
import { type SharedDatabase, startSharedDatabase } from '../support/shared-database.ts'
import { countStatements } from './counted-database.ts'
import { createPerson, type SignedIn, signIn } from './people.ts'
import { times } from './repeat.ts'
import { BROWSER, type PublicCall, type Visitor, type Visitors, visitorsOf } from './visitors.ts'

export const METRICS_TOKEN = 'a-token-of-enough-length'
/** The program `rempart`. */
export const MAIN = join(import.meta.dirname, '../../packages/cli/src/main.ts')
/** The one other origin that the server allows. */
export const APP_ORIGIN = 'https://app.example.org'
/** A contact message. */
export const message = {
  name: 'Zebulon Quixote',
  email: 'zebulon@people.example.net',
  message: 'Their sails went round.',
}
/** What is personal in all that is sent here, and in every address and browser that sends it: no log may hold it. */
export const PERSONAL: readonly string[] = ['people.example.net', 'Zebulon', '198.18.', BROWSER]

/** The server with a database that can be counted and frozen, one tenant `acme`, and the clock far from UTC. */
export interface ImprovedBackend {
  readonly database: SharedDatabase
  readonly server: ServerProcess
  readonly visitors: Visitors
  readonly tenantId: string
  readonly owner: SignedIn
  /** A key of staff. */
  readonly staffKey: string
  /** As rempart_owner. */
  readonly keeper: Pool
  /** Calls with the key of staff. */
  staff(path: string, call?: PublicCall): Promise<Answer>
  /** Sends a contact message. */
  contact(visitor?: Visitor): Promise<Answer>
  /** The id of a new resource. */
  addResource(title: string): Promise<string>
  /** Statements that go to the database while something is done. */
  statementsOf(act: () => Promise<unknown>): Promise<number>
  /** Statements that something takes each time: what else the server does meanwhile is not in all of three. */
  leastStatementsOf(act: () => Promise<unknown>): Promise<number>
  /** The value of a series of the metrics; 0 without it. */
  figure(series: string): Promise<number>
  /** Which of the words stand in what the server has written. */
  told(words: readonly string[]): readonly string[]
  /** @throws Error when anything personal stands in what the server has written. */
  close(): Promise<void>
}

/** Starts one. */
export async function startImprovedBackend(): Promise<ImprovedBackend> {
  const database = await startSharedDatabase()
  const url = String(database.env['REMPART_DATABASE_URL'])
  const counted = await countStatements(url)
  const tenantId = await createTenant(database.worker, { slug: 'acme', name: 'Acme' })
  const server = await startServerProcess({
    env: {
      ...database.env,
      REMPART_DATABASE_URL: counted.throughIt(url),
      REMPART_DATABASE_POOL_SIZE: '4',
      REMPART_DEFAULT_TENANT: 'acme',
      REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
      REMPART_ALLOWED_ORIGINS: APP_ORIGIN,
      REMPART_PASSWORD_CHECK_HIBP: 'off',
      REMPART_ALLOW_PRIVATE_IDP: 'on',
      REMPART_METRICS_TOKEN: METRICS_TOKEN,
      // So that what is counted is what a request reads.
      REMPART_GUARD_STORE: 'memory',
      // Far from UTC: an instant that is made of local time is off by half a day.
      TZ: 'Pacific/Auckland',
    },
  })
  const visitors = visitorsOf(server)
  const keeper = ownerPool(url)
  const owner = await signIn(visitors, await createPerson(database.worker, 'acme', { roles: ['owner'] }))
  const scopes = ['resources:read', 'resources:write', 'contact:read', 'leads:read', 'forms:read'] as const
  const staffKey = (await createApiKey(database.worker, tenantId, { name: 'staff', scopes: [...scopes] })).token

  const staff: ImprovedBackend['staff'] = (path, call = {}) =>
    visitors.next()(path, { ...call, headers: { authorization: `Bearer ${staffKey}`, ...call.headers } })
  const statementsOf: ImprovedBackend['statementsOf'] = async (act) => {
    const before = counted.statements()
    await act()
    return counted.statements() - before
  }
  const told: ImprovedBackend['told'] = (words) => {
    const written = `${JSON.stringify(server.logs)}${server.stderr()}`
    return words.filter((word) => written.includes(word))
  }
  return {
    database,
    server,
    visitors,
    tenantId,
    owner,
    staffKey,
    keeper,
    staff,
    contact: (visitor = visitors.next()) => visitor('/api/v1/contact', { json: message }),
    addResource: async (title) => String((await staff('/api/v1/resources', { json: { title } })).json()['id']),
    statementsOf,
    leastStatementsOf: async (act) => Math.min(...(await times(3, () => statementsOf(act)))),
    async figure(series) {
      const answer = await visitors.next()('/metrics', { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
      const line = answer.text.split('\n').find((each) => each.startsWith(`${series} `))
      return line === undefined ? 0 : Number(line.slice(series.length + 1))
    },
    told,
    async close() {
      visitors.close()
      await keeper.end()
      await server.remove()
      await counted.close()
      await database.remove()
      const personal = told(PERSONAL)
      if (personal.length > 0) throw new Error(`the log holds ${personal.join(', ')}`)
    },
  }
}

function ownerPool(url: string): Pool {
  const { port, searchParams } = new URL(url)
  const target = {
    host: searchParams.get('host') ?? '',
    port: Number(port),
    user: 'rempart_owner',
    database: 'rempart',
  }
  const settings = { connectTimeoutMs: 5_000, statementTimeoutMs: 10_000, idleTimeoutMs: 1_000, maxLifetimeMs: 60_000 }
  return createPool(target, { ...settings, size: 1, name: 'test' }, () => {})
}
