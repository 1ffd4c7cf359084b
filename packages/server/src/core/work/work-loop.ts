import type { ConnectionTarget } from '../../database/connect.ts'
import { type ListenOptions, listen } from '../../database/listen.ts'
import { createTurns } from './turns.ts'

export interface WorkLoopOptions {
  /** Takes all that is due. Never called while it runs. */
  readonly round: () => Promise<void>
  /** Where new work is heard of, and on which channel. */
  readonly listenAt: ConnectionTarget
  readonly channel: ListenOptions['channel']
  /** How often it looks without being told, in milliseconds: what is due later says nothing when it is. */
  readonly lookMs: number
  /** How long a stopping loop waits for what is under way, in milliseconds, before it breaks it off. */
  readonly stopMs: number
  /** Aborted by a stop, first: the round is to take no more. */
  readonly stopping: AbortController
  /** Aborted by a stop that has waited long enough: what is under way is to end now. */
  readonly breakOff: AbortController
  /** What a round has left under way. A stop waits for it. */
  readonly settled?: () => Promise<unknown>
  /** Told why a round failed, unless the loop is stopping. The next round tries again. */
  readonly onFailed: (error: unknown) => void
  /** Told that the connection is lost: until it is made again, new work is found by looking. */
  readonly onLost: (error: Error) => void
}

/** Work that is done as soon as it is there. */
export interface WorkLoop {
  /** Looks at once. Resolves when a round that began no earlier is over. */
  look(): Promise<void>
  /** Takes no more; waits a little for what is under way, then breaks it off. */
  stop(): Promise<void>
}

/**
 * Does rounds of work until stopped: when it hears that there is some, each time its connection is made, and every so
 * often. Several processes may run one each; that they do not take the same is the round's affair.
 */
export function startWorkLoop(options: WorkLoopOptions): WorkLoop {
  const { round, listenAt, channel, lookMs, stopMs, stopping, breakOff, settled, onFailed, onLost } = options
  const look = createTurns(round, (error) => {
    if (!stopping.signal.aborted) onFailed(error)
  })
  const timer = setInterval(() => void look(), lookMs)
  timer.unref()
  const listener = listen(listenAt, { channel, onMessage: () => void look(), onConnect: () => void look(), onLost })
  return {
    look,
    async stop() {
      stopping.abort()
      clearInterval(timer)
      await listener.stop()
      const deadline = setTimeout(() => breakOff.abort(), stopMs)
      await look()
      await settled?.()
      clearTimeout(deadline)
    },
  }
}
