import pg from 'pg'
import type { ConnectionTarget } from './connect.ts'

/** A connection that hears what other processes say. */
export interface Listener {
  stop(): Promise<void>
}

export interface ListenOptions {
  readonly channel: 'rempart_tenants' | 'rempart_keys' | 'rempart_mail' | 'rempart_webhooks'
  readonly onMessage: (payload: string) => void
  /** Called each time the connection is made: what was said before, or while it was lost, was not heard. */
  readonly onConnect: () => void
  /** Called when it is lost. It is made again by itself. */
  readonly onLost: (error: Error) => void
}

/** How long is waited before the next try, at least and at most. */
const retryMs = { least: 250, most: 10_000 }
/** A frozen database closes nothing: a connection that does not answer for so long is given up. */
const pulseMs = 10_000

/** Listens on one channel until stopped, over a connection of its own that is made again whenever it is lost. */
export function listen(target: ConnectionTarget, options: ListenOptions): Listener {
  const { channel, onMessage, onConnect, onLost } = options
  let isStopped = false
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let waitMs = retryMs.least

  const connect = async (): Promise<void> => {
    const own = new pg.Client({
      ...target,
      application_name: `rempart-listen ${channel}`,
      keepAlive: true,
      connectionTimeoutMillis: pulseMs,
      query_timeout: pulseMs,
    })
    client = own
    let isLost = false
    const lose = (error: Error): void => {
      if (isLost) return
      isLost = true
      clearTimeout(timer)
      own.end().catch(() => {})
      if (isStopped) return
      onLost(error)
      timer = setTimeout(() => void connect(), waitMs).unref()
      waitMs = Math.min(waitMs * 2, retryMs.most)
    }
    const pulse = (): void => {
      timer = setTimeout(() => own.query('select 1').then(pulse, lose), pulseMs).unref()
    }
    own.on('error', lose)
    own.on('end', () => lose(new Error('the connection has ended')))
    own.on('notification', ({ payload }) => onMessage(payload ?? ''))
    try {
      await own.connect()
      await own.query(`listen ${channel}`)
      waitMs = retryMs.least
      onConnect()
      pulse()
    } catch (error) {
      lose(error instanceof Error ? error : new Error('could not listen'))
    }
  }
  void connect()

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await client?.end().catch(() => {})
    },
  }
}
