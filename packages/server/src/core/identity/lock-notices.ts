import type { CompiledPolicy, EventListener, GuardEvent } from '@rempart/guard'
import type { Logger } from 'pino'
import type { Pool } from '../../database/connect.ts'
import { inTenant, type Tx } from '../../database/tenant.ts'
import type { Clock } from '../context.ts'
import type { MailQueue } from '../mail/outbox.ts'
import { FACTOR_POLICY_ID } from './factor-reset.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Warns the owners of accounts that somebody has locked. */
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
  /** How long a ladder locks at so many attempts, in milliseconds; undefined when it does not. */
  readonly lockOf: (event: GuardEvent, attempts: number) => number | undefined
}

/** Warns the owners of accounts that a ladder has locked. */
export interface LockNotices {
  /** Takes an event of the guard. Never throws, and waits for nothing. */
  readonly hear: EventListener
  /** Queues the mails there are to write. Never rejects. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** Whose ladder has locked, as its attempts were counted. */
interface Locked {
  readonly tenantId: string
  readonly who: { readonly emailNorm: string } | { readonly userId: string }
  readonly until: Date
}

/** How long one may wait to be written: no answer of the attempt that caused it waits, or tells of it. */
const everyMs = 1_000
/** Locks that may wait at once; what is beyond is one of a flood. */
const mostWaiting = 1_000

const accountShape = /^([0-9a-f-]{36}):(.+)$/s
/** What follows the name of an account that is tried from a device it knows. */
const deviceLane = /:[A-Za-z0-9_-]{22}$/

/**
 * Makes them. The guard tells of each lock once in a climb; the same is done for an account that nobody has, after the
 * answer and beside it, down to the rows that are written.
 */
export function startLockNotices(dependencies: LockNoticeDependencies): LockNotices {
  const { log, clock, lockOf, passwordPolicies } = dependencies
  let waiting: Locked[] = []
  let flushing: Promise<void> | undefined

  const flush = (): Promise<void> => {
    flushing ??= writeAll().finally(() => {
      flushing = undefined
    })
    return flushing
  }
  const writeAll = async (): Promise<void> => {
    const due = waiting
    waiting = []
    for (const locked of due) {
      try {
        await inTenant(dependencies.pool, locked.tenantId, (tx) => write(tx, dependencies.mail, locked))
      } catch (error) {
        log.warn({ err: error, tenantId: locked.tenantId }, 'the owner of a locked account could not be warned')
      }
    }
  }
  const timer = setInterval(() => void flush(), everyMs)
  timer.unref()

  return {
    hear(event, { account }) {
      if (event.type !== 'alert' || account === undefined || waiting.length >= mostWaiting) return
      const who = whoOf(event.policyId, account, passwordPolicies)
      const counter = event.counters.find(({ ruleId }) => ruleId === event.ruleId)
      const lockMs = who && counter && lockOf(event, counter.after)
      if (who !== undefined && lockMs !== undefined) waiting.push({ ...who, until: new Date(clock.now() + lockMs) })
    },
    flush,
    async stop() {
      clearInterval(timer)
      await flushing
      await flush()
    },
  }
}

/** How long a rule of a policy locks at so many attempts, in milliseconds; undefined when it does not, as in shadow. */
export function lockAt(policy: CompiledPolicy | undefined, ruleId: string, attempts: number): number | undefined {
  const rule = policy?.late?.counts.find((each) => each.rule.id === ruleId)?.rule
  if (rule?.kind !== 'escalation' || rule.mode !== 'live') return undefined
  const wait = rule.waits.findLast(({ after }) => after <= attempts)
  return wait?.do === 'lock' ? wait.waitMs : undefined
}

function whoOf(
  policyId: string,
  account: string,
  passwordPolicies: readonly string[],
): Pick<Locked, 'tenantId' | 'who'> | undefined {
  const [, tenantId, rest] = accountShape.exec(account) ?? []
  if (tenantId === undefined || rest === undefined) return undefined
  if (policyId === FACTOR_POLICY_ID) return { tenantId, who: { userId: rest.replace(/:mfa$/, '') } }
  if (!passwordPolicies.includes(policyId)) return undefined
  return { tenantId, who: { emailNorm: rest.replace(deviceLane, '') } }
}

async function write(tx: Tx, mail: MailQueue, { tenantId, who, until }: Locked): Promise<void> {
  const person = await tx
    .selectFrom('user_account')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .$if('emailNorm' in who, (query) => query.where('email_norm', '=', 'emailNorm' in who ? who.emailNorm : ''))
    .$if('userId' in who, (query) => query.where('id', '=', 'userId' in who ? who.userId : ''))
    .where('is_active', '=', true)
    .where('deleted_at', 'is', null)
    .where('erased_at', 'is', null)
    .executeTakeFirst()
  const nobodyAt = 'emailNorm' in who ? who.emailNorm : who.userId
  await mail.queueMail(tx, {
    template: 'emailNorm' in who ? 'account-locked' : 'factor-locked',
    to: person === undefined ? { nobodyAt } : { userId: person.id },
    data: { until: until.toISOString() },
  })
}
