import { Counter, Gauge, type Registry } from '@prometheus-io/client'
import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
  retry,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel'

/** How patiently one service is called. */
export interface OutboundOptions {
  /** Its name in metrics. */
  readonly service: string
  /** For one try, whatever it does with its signal. */
  readonly timeoutMs: number
  /** Default 3. 1: a person waits, or the call must not be made twice. */
  readonly tries?: number
  /** Before the second try; twice as long before each further one, and up to a half more. Default 2,000. */
  readonly firstWaitMs?: number
  /** Default 10,000. */
  readonly longestWaitMs?: number
  /** Failures in a row after which the service is left alone. Default 5. */
  readonly failuresToOpen?: number
  /** For how long it is; then one call tries it. Default 30,000. */
  readonly openMs?: number
  /** Nobody waits for it: a process may end while the next try is awaited. */
  readonly isBackground?: boolean
  /** There are several of this name, with a circuit breaker each: metrics count them together, and show none as open. */
  readonly isOneOfMany?: boolean
}

/** Calls one service. */
export interface Outbound {
  /**
   * Makes a call, again after a failure, unless the service is being left alone.
   *
   * @param work - one try. It ends when the signal says so.
   * @throws what the last try threw; `OutboundUnavailableError` for one that was not made, or not answered in time.
   */
  call<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** No answer: in time, or because the service is left alone after its failures. */
export class OutboundUnavailableError extends Error {
  override readonly name = 'OutboundUnavailableError'
  readonly reason: 'timeout' | 'circuit-open'

  constructor(reason: 'timeout' | 'circuit-open') {
    super(reason === 'timeout' ? 'no answer in time' : 'not asked: it failed too often just now')
    this.reason = reason
  }
}

/** The service answered, and would answer the same again. It is not asked twice, and it has not failed. */
export class OutboundRefusal extends Error {
  override readonly name: string = 'OutboundRefusal'
}

/** Makes what calls services, each with a circuit breaker of its own. */
export type OutboundFactory = (options: OutboundOptions) => Outbound

/** @param registry - shows what becomes of the calls; none before there are metrics. */
export function createOutbounds(registry?: Registry): OutboundFactory {
  const calls =
    registry &&
    new Counter({
      name: 'rempart_outbound_calls_total',
      help: 'Tries of calls to other services: ok, refused, failed, timeout, circuit-open (not made).',
      labelNames: ['service', 'outcome'],
      registers: [registry],
    })
  const open =
    registry &&
    new Gauge({
      name: 'rempart_outbound_circuit_open',
      help: 'Whether a service is left alone after its failures (1).',
      labelNames: ['service'],
      registers: [registry],
    })
  return (options) => {
    const { service } = options
    const shown = options.isOneOfMany === true ? undefined : open
    shown?.set({ service }, 0)
    return createOutbound(options, {
      count: (outcome) => calls?.inc({ service, outcome }),
      turned: (isOpen) => shown?.set({ service }, isOpen ? 1 : 0),
    })
  }
}

type Outcome = 'ok' | 'refused' | 'failed' | OutboundUnavailableError['reason']

function createOutbound(
  options: OutboundOptions,
  { count, turned }: { readonly count: (outcome: Outcome) => void; readonly turned: (isOpen: boolean) => void },
): Outbound {
  const { tries = 3, firstWaitMs = 2_000, longestWaitMs = 10_000, failuresToOpen = 5, openMs = 30_000 } = options
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof OutboundRefusal)),
    { halfOpenAfter: openMs, breaker: new ConsecutiveBreaker(failuresToOpen) },
  )
  breaker.onStateChange((state) => turned(state !== CircuitState.Closed))
  // The time limit is around the breaker: who waits for the trial call of a half-open circuit waits no longer than others.
  const once = wrap(timeout(options.timeoutMs, TimeoutStrategy.Aggressive), breaker)
  const retries = retry(handleWhen(isWorthAnother), {
    maxAttempts: tries - 1,
    backoff: new DelegateBackoff(({ attempt }) =>
      Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1) * (1 + Math.random() / 2)),
    ),
  })
  const again = options.isBackground === true ? retries.dangerouslyUnref() : retries

  return {
    call: (work) =>
      again.execute(async () => {
        try {
          const result = await once.execute(({ signal }) => work(signal))
          count('ok')
          return result
        } catch (error) {
          const known = unavailable(error)
          count(known?.reason ?? (error instanceof OutboundRefusal ? 'refused' : 'failed'))
          throw known ?? error
        }
      }),
  }
}

function isWorthAnother(error: unknown): boolean {
  if (error instanceof OutboundRefusal) return false
  return !(error instanceof OutboundUnavailableError && error.reason === 'circuit-open')
}

function unavailable(error: unknown): OutboundUnavailableError | undefined {
  if (error instanceof TaskCancelledError) return new OutboundUnavailableError('timeout')
  return error instanceof BrokenCircuitError ? new OutboundUnavailableError('circuit-open') : undefined
}
