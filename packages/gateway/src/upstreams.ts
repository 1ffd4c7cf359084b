import type { GatewayLimits, Upstream } from './config.ts'
import { type ConnectionOwner, type Exchange, UpstreamConnection } from './upstream-connection.ts'

/** The connections to the upstream. */
export interface Upstreams {
  /** Sends a request over an idle connection, a new one, or the next that becomes free. False when too many wait. */
  send(request: PooledExchange): boolean
  /** Sends it over a new connection. */
  sendAfresh(request: PooledExchange): void
  /** A request is not to be sent any more, if it still waits. */
  forget(request: PooledExchange): void
  /** Ends them all. */
  close(): void
}

/** A request on its way to the upstream. */
export interface PooledExchange extends Exchange {
  /** Whether it may be sent again when a connection turns out to be closed. */
  readonly isRepeatable: boolean
  /** No connection became free in time. */
  onWaitedTooLong(): void
}

const SWEEP_MS = 250
/** An upstream may close an idle connection at any moment: what cannot be repeated goes over one that has just been used. */
const FRESH_MS = 1_000

interface Waiting {
  readonly request: PooledExchange
  readonly untilMs: number
}

/** Creates the pool; it connects when there is something to send. */
export function createUpstreams(upstream: Upstream, limits: GatewayLimits): Upstreams {
  const all = new Set<UpstreamConnection>()
  // The last one used is the next one: the others may end.
  const idle: UpstreamConnection[] = []
  // In the order of arrival, which is that of their deadlines.
  const waiting = new Map<PooledExchange, Waiting>()
  let now = performance.now()

  const owner: ConnectionOwner = {
    limits,
    nowMs: () => now,
    onIdle(connection) {
      const [next] = waiting.values()
      if (next === undefined) {
        idle.push(connection)
        return
      }
      waiting.delete(next.request)
      connection.start(next.request)
    },
    onClosed(connection) {
      all.delete(connection)
      const index = idle.lastIndexOf(connection)
      if (index !== -1) idle.splice(index, 1)
      const [next] = waiting.values()
      if (next === undefined || all.size >= limits.upstreamConnections) return
      waiting.delete(next.request)
      open(next.request)
    },
  }
  const open = (request: PooledExchange): void => {
    all.add(new UpstreamConnection(upstream, owner, request))
  }
  const takeIdle = ({ isRepeatable }: PooledExchange): UpstreamConnection | undefined => {
    const last = idle.pop()
    if (last === undefined || isRepeatable || now - last.idleSinceMs <= FRESH_MS) return last
    last.destroy()
    return undefined
  }
  const sweep = setInterval(() => {
    now = performance.now()
    for (const connection of all) if (connection.deadlineMs < now) connection.expire()
    for (const { request, untilMs } of waiting.values()) {
      if (untilMs >= now) break
      waiting.delete(request)
      request.onWaitedTooLong()
    }
  }, SWEEP_MS).unref()

  return {
    send(request) {
      const connection = takeIdle(request)
      if (connection !== undefined) connection.start(request)
      else if (all.size < limits.upstreamConnections) open(request)
      else if (waiting.size < limits.waiting) waiting.set(request, { request, untilMs: now + limits.waitMs })
      else return false
      return true
    },
    sendAfresh: open,
    forget: (request) => void waiting.delete(request),
    close() {
      clearInterval(sweep)
      for (const connection of all) connection.destroy()
    },
  }
}
