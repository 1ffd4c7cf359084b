import type { KeyObject } from 'node:crypto'
import type { Logger } from 'pino'
import type { ConnectionTarget, Pool } from '../../database/connect.ts'
import { type Listener, listen } from '../../database/listen.ts'
import { createKeyRing } from '../credentials/sealing.ts'
import { keyLabels } from '../secrets.ts'
import { makeKey, openKey, type PublicJwk } from './signing-key.ts'
import { ACCESS_TOKEN_PURPOSE, addKey, type StoredKey, turnAndRead } from './signing-key-table.ts'

/** A key that a token may be signed with. */
export interface VerifyingKey {
  readonly kid: string
  readonly publicKey: KeyObject
  readonly publicJwk: PublicJwk
}

/** The keys at one moment. The same object for as long as nothing changes. */
export interface KeySet {
  /** Signs what is given out; undefined when the active key was sealed under another master secret. */
  readonly signing: (VerifyingKey & { readonly privateKey: KeyObject }) | undefined
  /** Active, next and retired. */
  readonly all: readonly VerifyingKey[]
  find(kid: string): VerifyingKey | undefined
}

/** The signing keys as one process sees them. */
export interface SigningKeys {
  /** The keys as last read; undefined before the first reading. */
  current(): KeySet | undefined
  /** The keys, read now if they have not been. @throws SigningKeyError, or the database's error. */
  ready(): Promise<KeySet>
  /**
   * The keys, read again for a key that is not among them; at most once in five seconds, however many ask, so that
   * invented names cost nothing.
   */
  readAgain(): Promise<KeySet>
  /** Reads the keys, and from then on follows what other processes do, until stopped. @throws as `ready`. */
  follow(target: ConnectionTarget): Promise<void>
  stop(): Promise<void>
}

/** The keys cannot be used. The message says what to do, and no key. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError'
}

export interface SigningKeyDependencies {
  /** As rempart_app. */
  readonly pool: Pick<Pool, 'query'>
  /** The present master secret seals and opens, those before it only open. */
  readonly masters: { readonly current: Buffer; readonly previous?: readonly Buffer[] }
  readonly log: Pick<Logger, 'warn' | 'error' | 'info'>
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number
}

/** How long a change may stay unseen where its message is lost, and how exact a rotation is. */
const lookMs = 60_000
/** An unknown key is looked for at most so often. */
const readAgainMs = 5_000

/** The keys of access tokens. The first pair is made by whoever asks first; nothing is asked before. */
export function createSigningKeys(dependencies: SigningKeyDependencies): SigningKeys {
  const { pool, masters, log, nowMs = () => performance.now() } = dependencies
  const ring = createKeyRing(masters, keyLabels.signingKey)
  const told = new Set<string>()
  let set: KeySet | undefined
  let reading: Promise<KeySet> | undefined
  let isReadAgain = false
  let lastAgainMs = Number.NEGATIVE_INFINITY
  let stored: readonly StoredKey[] = []
  let listener: Listener | undefined
  let timer: NodeJS.Timeout | undefined

  /** Reads until nothing more was heard meanwhile; one at a time, so that no older answer comes after a newer. */
  function read(): Promise<KeySet> {
    isReadAgain = reading !== undefined
    reading ??= readOnce().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function readOnce(): Promise<KeySet> {
    let rows: readonly StoredKey[]
    do {
      isReadAgain = false
      rows = await fillPlaces(await turnAndRead(pool, ACCESS_TOKEN_PURPOSE))
    } while (isReadAgain)
    if (set === undefined || !isSame(rows, stored)) set = open(rows)
    stored = rows
    return set
  }

  /** Two are missing before the first start, one after each rotation. Of several processes one fills each place. */
  async function fillPlaces(rows: readonly StoredKey[]): Promise<readonly StoredKey[]> {
    const missing = (['active', 'next'] as const).filter((state) => !rows.some((row) => row.state === state))
    if (missing.length === 0) return rows
    for (let place = 0; place < missing.length; place += 1) {
      const key = makeKey(ACCESS_TOKEN_PURPOSE, ring)
      const state = await addKey(pool, key)
      if (state !== null) log.info({ kid: key.kid, state }, 'a signing key was made')
    }
    return turnAndRead(pool, ACCESS_TOKEN_PURPOSE)
  }

  function open(rows: readonly StoredKey[]): KeySet {
    const byKid = new Map<string, VerifyingKey>()
    let signing: KeySet['signing']
    for (const row of rows) {
      const opened = openKey(row, ring)
      if (opened === undefined) {
        tellOnce(row)
        continue
      }
      const { privateKey, ...key } = { kid: row.kid, ...opened }
      byKid.set(row.kid, key)
      // A key that does not sign needs no private part in memory.
      if (row.state === 'active') signing = { ...key, privateKey }
    }
    return { signing, all: [...byKid.values()], find: (kid) => byKid.get(kid) }
  }

  function tellOnce({ kid, state }: StoredKey): void {
    if (told.has(kid)) return
    told.add(kid)
    log.error({ kid, state }, 'a signing key does not open with this master secret, and is not believed')
  }

  async function ready(): Promise<KeySet> {
    if (set?.signing !== undefined) return set
    const found = await (set === undefined ? read() : readAgain())
    if (found.signing === undefined) throw new SigningKeyError(sealedOtherwise)
    return found
  }

  async function readAgain(): Promise<KeySet> {
    if (set !== undefined && nowMs() - lastAgainMs < readAgainMs) return set
    lastAgainMs = nowMs()
    return read()
  }

  const readUnheard = (): void => {
    read().catch((error: unknown) => log.warn({ err: error }, 'the signing keys could not be read; the last ones stay'))
  }

  return {
    current: () => set,
    ready,
    readAgain,
    async follow(target) {
      await ready()
      listener = listen(target, {
        channel: 'rempart_keys',
        onMessage: readUnheard,
        onConnect: readUnheard,
        onLost: (error) =>
          log.warn({ reason: error.message }, 'changes of signing keys are seen late: the connection is lost'),
      })
      timer = setInterval(readUnheard, lookMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await listener?.stop()
      await reading?.catch(() => {})
    },
  }
}

const isSame = (rows: readonly StoredKey[], others: readonly StoredKey[]): boolean =>
  rows.length === others.length &&
  rows.every((row, index) => row.kid === others[index]?.kid && row.state === others[index]?.state)

const sealedOtherwise =
  'The signing keys of this database were sealed under another master secret: put the former REMPART_SECRET_KEY into REMPART_SECRET_KEY_PREVIOUS, and run `rempart keys rewrap`. If it is lost, `rempart keys rotate --revoke` ends them; whoever is signed in then needs a new access token.'
