import { vi } from 'vitest'
import { createPasswordHasher } from '../../packages/server/src/core/credentials/password-hasher.ts'
import { assignRole, insertUser } from '../../packages/server/src/core/identity/new-user.ts'
import { createId } from '../../packages/server/src/core/ids.ts'
import type { Pool } from '../../packages/server/src/database/connect.ts'
import { inTenant } from '../../packages/server/src/database/tenant.ts'
import { createTenant } from '../../packages/server/src/modules/tenants/service.ts'
import { codeAt } from '../../packages/server/src/testing/second-factors.ts'
import { startSmtpSink } from '../../packages/server/src/testing/smtp-sink.ts'
import type { Answer } from '../support/http-client.ts'
import { type ServerProcess, type ServerProcessOptions, startServerProcess } from '../support/server-process.ts'
import { workerPool } from '../support/tenant-with-form.ts'
import { type Visitor, type Visitors, visitorsOf } from './visitors.ts'

export interface PlatformTenant {
  readonly id: string
  readonly slug: string
}

/** Somebody with a confirmed address, who can sign in. */
export interface Person {
  readonly id: string
  readonly email: string
  readonly password: string
  readonly tenant: PlatformTenant
}

export interface Tokens {
  readonly access: string
  readonly refresh: string
}

/** What a call is made with. */
export interface ApiCall {
  /** An access token or an API key, as `Authorization: Bearer`. */
  readonly as?: string
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Who calls. Somebody whose address nobody else has, when absent. */
  readonly from?: Visitor
}

/** The server as a team runs it: a process of its own, a database, a mail server, and a proxy at 127.0.0.1. */
export interface Platform {
  readonly server: ServerProcess
  readonly visitors: Visitors
  /** On the server's database, as rempart_worker. */
  readonly pool: Pool
  /** One that this test alone has. */
  readonly tenant: PlatformTenant
  /** Calls below `/api/v1`. */
  api(method: string, path: string, call?: ApiCall): Promise<Answer>
  makeTenant(): Promise<PlatformTenant>
  person(options?: {
    readonly tenant?: PlatformTenant
    readonly roles?: readonly string[]
    /** Makes what is kept of the password. As the product does, when absent. */
    readonly hash?: (password: string) => Promise<string>
  }): Promise<Person>
  signIn(person: Person, from?: Visitor): Promise<Tokens>
  /** Signs somebody in and gives them an authenticator app. */
  enrol(person: Person): Promise<Tokens & { readonly app: App; readonly recoveryCodes: readonly string[] }>
  /** An authenticator app that has read this secret. */
  authenticator(base32: string): App
  /** What the first group of `pattern` is in the newest mail to an address in which it is found. Waits for one. */
  mailed(address: string, pattern: RegExp): Promise<string>
  /** The subjects of what was mailed to an address, up to now. */
  subjects(address: string): readonly (string | undefined)[]
  /** Speaks SQL within a tenant. */
  sql<Row extends object>(tenant: PlatformTenant, text: string, values?: readonly unknown[]): Promise<Row[]>
  /** Entries of a tenant's audit log with an action, newest first. */
  audited(tenant: PlatformTenant, action: string): Promise<{ outcome: string; changes: string }[]>
  close(): Promise<void>
}

export interface PlatformOptions extends ServerProcessOptions {
  /** True: whether new passwords are looked for in leaks is as the product decides. Default: they are not. */
  readonly defaultBreachCheck?: true
}

/** Starts one, under the policies that the product comes with. */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const sink = await startSmtpSink()
  const env = {
    REMPART_TRUSTED_PROXIES: '127.0.0.1/32',
    ...(options.defaultBreachCheck !== true && { REMPART_PASSWORD_CHECK_HIBP: 'off' }),
    REMPART_SMTP_URL: `smtp://127.0.0.1:${sink.port}`,
    REMPART_MAIL_FROM: 'Rempart <no-reply@app.example.org>',
    ...options.env,
  }
  const server = await startServerProcess({ ...options, env }).catch(async (error: unknown) => {
    await sink.close()
    throw error
  })
  const visitors = visitorsOf(server)
  const pool = workerPool(server)
  const hasher = createPasswordHasher()

  const api: Platform['api'] = (method, path, { as, json, headers, from = visitors.next() } = {}) =>
    from(`/api/v1${path}`, {
      method,
      ...(json !== undefined && { json }),
      headers: { ...(as !== undefined && { authorization: `Bearer ${as}` }), ...headers },
    })

  const makeTenant = async (): Promise<PlatformTenant> => {
    const slug = `t-${createId()}`
    return { slug, id: await createTenant(pool, { slug, name: 'Test' }) }
  }
  const tenant = await makeTenant()
  const signIn: Platform['signIn'] = async ({ email, password, tenant: { slug } }, from = visitors.next()) =>
    tokensOf(await api('POST', '/auth/login', { json: { email, password }, headers: { 'x-tenant-id': slug }, from }))

  return {
    server,
    visitors,
    pool,
    tenant,
    api,
    makeTenant,
    signIn,
    async person({ tenant: of = tenant, roles = [], hash = hasher.hash } = {}) {
      const id = createId()
      const email = `p-${id}@example.org`
      const password = `a fine password of ${id}`
      const passwordHash = await hash(password)
      const made = await inTenant(pool, of.id, async (tx) => {
        const account = { tenantId: of.id, email, locale: 'en', emailVerifiedAt: new Date() } as const
        const userId = await insertUser(tx, { ...account, passwordHash })
        if (userId === undefined) throw new Error('the address is taken')
        for (const roleCode of roles) {
          await assignRole(tx, { tenantId: of.id, userId, roleCode, grantedBy: 'operator:cli' })
        }
        return userId
      })
      return { id: made, email, password, tenant: of }
    },
    async enrol(person) {
      const first = await signIn(person)
      const app = appWith(String((await api('POST', '/mfa/setup', { as: first.access })).json()['secret']))
      const enabled = await api('POST', '/mfa/enable', { as: first.access, json: { code: await app.next() } })
      return { ...tokensOf(enabled), app, recoveryCodes: enabled.json()['recovery_codes'] as string[] }
    },
    authenticator: appWith,
    mailed: (address, pattern) =>
      vi.waitFor(
        () => {
          const mails = sink.received.filter(({ recipients }) => recipients.includes(address))
          const found = mails.flatMap(({ parsed }) => pattern.exec(parsed.text ?? '')?.[1] ?? []).at(-1)
          if (found === undefined) throw new Error(`no mail with ${pattern} has come`)
          return found
        },
        { timeout: 20_000 },
      ),
    subjects: (address) =>
      sink.received.filter(({ recipients }) => recipients.includes(address)).map(({ parsed }) => parsed.subject),
    sql: (of, text, values) => within(pool, of, text, values),
    audited: (of, action) =>
      within(pool, of, 'select outcome, changes from audit_event where action = $1 order by seq desc', [action]),
    async close() {
      visitors.close()
      await pool.end()
      await server.remove()
      await sink.close()
    },
  }
}

/** @throws Error when the answer holds no tokens. */
export function tokensOf(answer: Answer): Tokens {
  const { access_token: access, refresh_token: refresh } = answer.json()
  if (typeof access === 'string' && typeof refresh === 'string') return { access, refresh }
  throw new Error(`no tokens: ${answer.status} ${answer.text}`)
}

/** An authenticator app. */
export interface App {
  /** A code that it has not shown before; waits where the next one lies too far ahead. */
  next(): Promise<string>
  /** Six digits that it shows at no time about now. */
  wrong(): string
}

const STEP_MS = 30_000

function appWith(base32: string): App {
  const codeOf = (step: number): string => codeAt(base32, step * STEP_MS)
  // In the last second of a step the next one is as good as here: the server reads the clock a little later.
  const stepNow = (): number => Math.floor((Date.now() + 1_000) / STEP_MS)
  let last = 0
  return {
    async next() {
      await vi.waitUntil(() => last <= stepNow(), { timeout: 40_000, interval: 100 })
      // One step before and one behind the clock are taken too, each once.
      last = Math.max(last + 1, stepNow() - 1)
      return codeOf(last)
    },
    wrong() {
      const near = [-2, -1, 0, 1, 2].map((offset) => codeOf(stepNow() + offset))
      return ['000000', '111111', '222222', '333333', '444444', '555555'].find((code) => !near.includes(code)) ?? ''
    },
  }
}

async function within<Row extends object>(
  pool: Pool,
  tenant: PlatformTenant,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await connection.query("select set_config('rempart.tenant_id', $1, true)", [tenant.id])
    const { rows } = await connection.query<Row>(text, [...values])
    await connection.query('commit')
    return rows
  } catch (error) {
    await connection.query('rollback')
    throw error
  } finally {
    connection.release()
  }
}
