import type { EventListener, Subjects } from '@rempart/guard'
import type { FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import { appendAudit } from '../audit/append.ts'
import type { Clock, Context } from '../context.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { type Rounds, startRounds } from '../work/rounds.ts'
import { FACTOR_POLICY_ID } from './factor-reset.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Tells of accounts that somebody has locked. */
    lockNotices: LockNotices
  }
}

export interface LockNoticeDependencies {
  readonly pool: Pool
  readonly mail: MailQueue
  readonly clock: Clock
  readonly log: Logger
  /** Policies whose ladders count attempts at the password of an account. */
  readonly passwordPolicies: readonly string[]
  /** The request that subjects were read of. */
  readonly requestOf: (subjects: Subjects) => FastifyRequest | undefined
}

/** Tells of accounts that a ladder has locked: the audit log and its webhooks of each lock, the owner of the first. */
export interface LockNotices extends Rounds {
  /** Takes an event of the guard. Never throws, and waits for nothing. */
  readonly hear: EventListener
  /** Takes back what is not told yet of an account: the attempt that locked it has succeeded, and the lock is gone. */
  takeBack(policyId: string, account: string): void
}

/** Whose ladder has locked, as its attempts were counted. */
interface Locked {
  readonly tenantId: string
  readonly who: { readonly emailNorm: string; readonly isKnownDevice: boolean } | { readonly userId: string }
}

/** One thing to tell. */
interface Notice extends Locked {
  readonly policyId: string
  readonly account: string
  /** `alert` goes to the owner, `locked` to the audit log. */
  readonly type: 'alert' | 'locked'
  readonly attempts: number
  readonly until: Date
  readonly heardMs: number
  /** Of the attempt that locked. */
  readonly origin: Pick<Context, 'requestId' | 'audit'>
}

/** How often it is looked whether there is something to tell: no answer of the attempt that caused it waits for it. */
const everyMs = 1_000
/** How long one waits to be told: the attempt counts before it is verified, and takes the lock back when it succeeds. */
const settledMs = 2_000
/** Notices that may wait at once; what is beyond is one of a flood. */
const mostWaiting = 1_000

const accountShape = /^([0-9a-f-]{36}):(.+)$/s
/** What follows the name of an account that is tried from a device it knows. */
const deviceLane = /:[A-Za-z0-9_-]{22}$/

/**
 * Makes them. The guard tells of each lock, and not of the requests that a lock refuses. Of an account that nobody has the
 * log holds nothing: a mail is queued that goes to nobody, after the answer and beside it.
 */
export function startLockNotices(dependencies: LockNoticeDependencies): LockNotices {
  const { log, clock, requestOf, passwordPolicies } = dependencies
  let waiting: Notice[] = []
  let lost = 0

  const round = async (isAsked: boolean): Promise<void> => {
    const heardBeforeMs = isAsked ? Number.POSITIVE_INFINITY : performance.now() - settledMs
    const due = waiting.filter(({ heardMs }) => heardMs <= heardBeforeMs)
    waiting = waiting.filter(({ heardMs }) => heardMs > heardBeforeMs)
    if (lost > 0) log.warn({ lost }, 'so many accounts were locked at once that some of it was told to nobody')
    lost = 0
    for (const notice of due) {
      try {
        await inTenant(dependencies.pool, notice.tenantId, (tx) => write(tx, dependencies.mail, notice))
      } catch (error) {
        log.warn({ err: error, tenantId: notice.tenantId }, 'the lock of an account could not be told of')
      }
    }
  }
  const rounds = startRounds({ everyMs, round, log })

  return {
    ...rounds,
    hear(event, subjects) {
      const { type, policyId, ruleId, lockMs } = event
      const { account } = subjects
      const context = requestOf(subjects)?.context
      if ((type !== 'alert' && type !== 'locked') || lockMs === undefined || account === undefined) return
      const locked = whoOf(policyId, account, passwordPolicies)
      if (locked === undefined || context === undefined) return
      if (waiting.length >= mostWaiting) {
        lost += 1
        return
      }
      const attempts = event.counters.find((counter) => counter.ruleId === ruleId)?.after ?? 0
      const { requestId, audit } = context
      const until = new Date(clock.now() + lockMs)
      const heardMs = performance.now()
      waiting.push({ ...locked, policyId, account, type, attempts, until, heardMs, origin: { requestId, audit } })
    },
    takeBack(policyId, account) {
      if (waiting.length === 0) return
      waiting = waiting.filter((notice) => notice.policyId !== policyId || notice.account !== account)
    },
  }
}

function whoOf(policyId: string, account: string, passwordPolicies: readonly string[]): Locked | undefined {
  const [, tenantId, rest] = accountShape.exec(account) ?? []
  if (tenantId === undefined || rest === undefined) return undefined
  if (policyId === FACTOR_POLICY_ID) return { tenantId, who: { userId: rest.replace(/:mfa$/, '') } }
  if (!passwordPolicies.includes(policyId)) return undefined
  return { tenantId, who: { emailNorm: rest.replace(deviceLane, ''), isKnownDevice: deviceLane.test(rest) } }
}

async function write(tx: Tx, mail: MailQueue, notice: Notice): Promise<void> {
  const { tenantId, who, until, type } = notice
  const person = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .$if('emailNorm' in who, (query) => query.where('email_norm', '=', 'emailNorm' in who ? who.emailNorm : ''))
    .$if('userId' in who, (query) => query.where('id', '=', 'userId' in who ? who.userId : ''))
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .forKeyShare()
    .executeTakeFirst()
  if (type === 'locked') {
    if (person !== undefined) await record(tx, notice, person.id)
    return
  }
  const nobodyAt = 'emailNorm' in who ? who.emailNorm : who.userId
  await mail.queueMail(tx, {
    template: 'emailNorm' in who ? 'account-locked' : 'factor-locked',
    to: person === undefined ? { nobodyAt } : { userId: person.id },
    data: { until: until.toISOString() },
  })
}

function record(tx: Tx, { tenantId, who, attempts, until, origin }: Notice, userId: string): Promise<void> {
  const source = { ...origin, tenant: { id: tenantId }, actor: { kind: 'system', id: 'guard' } } as const
  const factor =
    'emailNorm' in who ? { factor: 'password', isKnownDevice: who.isKnownDevice } : { factor: 'second-factor' }
  return appendAudit(tx, source, {
    action: 'account.locked',
    resource: { type: 'user', id: userId },
    changes: { ...factor, attempts, until: until.toISOString() },
  })
}
