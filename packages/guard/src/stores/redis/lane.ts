import type { Deadline } from '../../deadline.ts'
import type { Take } from '../../store.ts'
import { argumentsOf, type Batch, hasRoom, openBatch, readAnswer } from './batch.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { RedisConnection } from './client.ts'
import type { RedisKey } from './keys.ts'
import type { CallProgram } from './program.ts'

/** A stream of batches to one server: all keys where there is one server, else those of one hash slot. */
export interface Lane {
  readonly breaker: Breaker
  /** The batch that takes in a request of so many takes. */
  batch(takes: number, nowMs: number): Batch
  /** To be called once the request is in. */
  added(): void
  /** Sends a plain command within the deadline, unless the breaker is open. */
  send(key: string, command: string, args: string[]): Promise<unknown>
  /** A small write within the deadline, which also says how many processes live. */
  beat(): Promise<number>
  close(): void
}

/** What a lane is made of. */
export interface LaneOptions {
  readonly connection: RedisConnection
  readonly call: CallProgram
  readonly deadline: Deadline
  readonly deadlineMs: number
  /** Names this process in the lane's heartbeat. */
  readonly processName: string
  readonly heartbeatKey: string
  readonly livingMs: number
  readonly tell: (batch: Batch, take: Take, key: RedisKey, paid: number) => void
}

/** The server did not answer lately; it is asked by nobody but the probe. */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError'
}

const MOST_IN_FLIGHT = 4
/** A batch of this size need not wait for the end of the turn: the server works on it while the next one is made. */
const EARLY_TAKES = 32
/** A probe that has had no answer for this long is on a connection that will give none. */
const STUCK_MS = 5_000

/** Opens a lane. */
export function createLane(options: LaneOptions): Lane {
  const { connection, call, deadline, deadlineMs, tell } = options
  const waiting: Batch[] = []
  let open: Batch | undefined
  let inFlight = 0
  let isScheduled = false

  const beat = heartbeat(options)
  const breaker = createBreaker({ hiccupMs: deadlineMs / 2, probe: beat, onOpen: () => refuseWaiting() })

  const nextBatch = (): Batch | undefined => {
    const next = waiting.shift() ?? open
    if (next === open) open = undefined
    return next
  }
  const refuseWaiting = (): void => {
    for (let batch = nextBatch(); batch !== undefined; batch = nextBatch()) batch.done.reject(unavailable())
  }
  const pump = (): void => {
    while (inFlight < MOST_IN_FLIGHT) {
      const batch = nextBatch()
      if (batch === undefined) return
      // Nobody waits for it any more: it would only be charged for nothing.
      if (performance.now() - batch.bornMs > deadlineMs) batch.done.reject(unavailable())
      else sendBatch(batch)
    }
  }
  const endTurn = (): void => {
    isScheduled = false
    pump()
  }
  const sendBatch = (batch: Batch): void => {
    inFlight += 1
    const answering = call(batch.keys, argumentsOf(batch))
    deadline.race(answering).then(
      (reply) => {
        inFlight -= 1
        settle(batch, reply)
        if (!isScheduled) pump()
      },
      (error: unknown) => {
        inFlight -= 1
        giveBackSlots(batch, answering, connection)
        batch.done.reject(error)
        breaker.miss()
        if (!isScheduled) pump()
      },
    )
  }
  const settle = (batch: Batch, reply: unknown): void => {
    try {
      readAnswer(batch, reply, (take, key, paid) => tell(batch, take, key, paid))
    } catch (error) {
      breaker.miss()
      batch.done.reject(error)
      return
    }
    breaker.hit()
    batch.done.resolve()
  }

  return {
    breaker,
    batch(takes, nowMs) {
      if (open !== undefined && !hasRoom(open, takes)) {
        waiting.push(open)
        open = undefined
      }
      open ??= openBatch(nowMs)
      return open
    },
    added() {
      if (!isScheduled) {
        isScheduled = true
        setImmediate(endTurn)
      }
      const isEarly = open !== undefined && open.takes.length >= EARLY_TAKES && waiting.length === 0
      if (isEarly && inFlight < MOST_IN_FLIGHT) pump()
    },
    async send(key, command, args) {
      if (breaker.isOpen()) throw unavailable()
      try {
        const reply = await deadline.race(connection.send(key, command, args))
        breaker.hit()
        return reply
      } catch (error) {
        breaker.miss()
        throw error
      }
    },
    beat,
    close() {
      breaker.close()
      refuseWaiting()
    },
  }
}

/** One small write at a time: to a server that is frozen they would pile up. */
function heartbeat(options: LaneOptions): () => Promise<number> {
  const { connection, call, deadline, heartbeatKey, processName, livingMs } = options
  let sentAtMs: number | undefined

  return async () => {
    if (sentAtMs !== undefined) {
      if (performance.now() - sentAtMs > STUCK_MS) {
        sentAtMs = performance.now()
        connection.reconnect?.()
      }
      throw unavailable()
    }
    sentAtMs = performance.now()
    const answering = call([heartbeatKey], ['beat', processName, String(livingMs)]).finally(() => {
      sentAtMs = undefined
    })
    return Number(await deadline.race(answering))
  }
}

/** A batch that is carried out too late takes slots that nobody will use. */
function giveBackSlots({ takes, takenKeys }: Batch, answering: Promise<unknown>, connection: RedisConnection): void {
  const slots = takes.flatMap(({ counter, leaseId }, operation) => {
    const key = takenKeys[operation]
    return counter.shape === 'leases' && key !== undefined ? [[key.name, leaseId] as const] : []
  })
  if (slots.length === 0) return
  const giveBack = (): void => {
    for (const [key, leaseId] of slots) connection.send(key, 'ZREM', [key, leaseId]).catch(() => undefined)
  }
  answering.then(giveBack, () => undefined)
}

/** One error serves all: what matters of it is that there is one. */
const unavailableError = new RedisUnavailableError('Redis does not answer')

function unavailable(): RedisUnavailableError {
  return unavailableError
}
