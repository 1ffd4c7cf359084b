import type { EventListener, GuardEvent, Subjects } from '@rempart/guard'
import type { FastifyRequest } from 'fastify'

export interface FormBurstDependencies {
  /** Policies of forms that anybody may send. */
  readonly formPolicies: readonly string[]
  /** The request that subjects were read of; undefined for others. */
  readonly requestOf: (subjects: Subjects) => FastifyRequest | undefined
  /** Counts a refusal against the standing of its client, where every process sees it. */
  readonly count: (request: FastifyRequest) => Promise<void>
}

/** What names a client where accounts are counted. */
export const clientAccount = ({ client }: FastifyRequest): string => `client:${client.key}`

/** Refusals of one client that are passed on in a minute: past these its standing is as low as it gets. */
const mostPassedOn = 20
const minuteMs = 60_000
/** Clients that are remembered at once; the one heard of longest ago is forgotten. */
const mostClients = 4_096

/**
 * Hears of clients that a form refuses for sending too much, and counts it against them. Whatever such a client sends on,
 * this costs it no more than a few counts a minute.
 */
export function createFormBursts({ formPolicies, requestOf, count }: FormBurstDependencies): EventListener {
  const policies = new Set(formPolicies)
  const passedOn = new Map<string, { sinceMs: number; times: number }>()

  /** Whether one more refusal of a client is to be passed on. */
  const isDue = (client: string, atMs: number): boolean => {
    const known = passedOn.get(client)
    const entry = known !== undefined && atMs - known.sinceMs < minuteMs ? known : { sinceMs: atMs, times: 0 }
    entry.times += 1
    passedOn.delete(client)
    passedOn.set(client, entry)
    const [oldest] = passedOn.size > mostClients ? passedOn.keys() : []
    if (oldest !== undefined) passedOn.delete(oldest)
    return entry.times <= mostPassedOn
  }

  return (event, subjects) => {
    if (!isTooMuch(event) || !policies.has(event.policyId)) return
    const request = requestOf(subjects)
    if (request === undefined || !isDue(request.client.key, event.atMs)) return
    // A listener must not ask the guard itself: the decision that it hears of is still being made.
    queueMicrotask(() => void count(request))
  }
}

/** Whether a client was refused for how much it sent; not for who it is, nor because the store did not answer. */
const isTooMuch = ({ type, reason }: GuardEvent): boolean =>
  type === 'refused' && (reason === 'rate-limit' || reason === 'cooldown' || reason === 'lockout')
