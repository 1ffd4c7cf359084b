import { createFieldKinds, namedInConnection, token } from './field-kinds.ts'

/** The head of an upstream's answer, as it goes on to the client. */
export interface AnswerHead {
  readonly status: number
  readonly reason: string
  /** The upstream's fields that go on, as lines; the length is apart. */
  readonly lines: string
  readonly hasDate: boolean
  /** How the body ends. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Bytes of the body; of a body that is not sent (HEAD, 304), as announced; undefined when nothing is said. */
  readonly length: number | undefined
  /** Whether another request may follow on the connection. */
  readonly keepsAlive: boolean
  /** For how long the upstream says that it keeps an idle connection; undefined when it does not say. */
  readonly keepAliveMs: number | undefined
}

/** What the answer is to. */
export interface Question {
  readonly isHead: boolean
  /** Whether the gateway tells the quota itself: then the upstream's own figures would contradict it. */
  readonly tellsQuota: boolean
}

const PASS = 0
const DROP = 1
const CONNECTION = 2
const LENGTH = 3
const CODING = 4
const KEEP_ALIVE = 5
const DATE = 6
const QUOTA = 7

const kindOf = createFieldKinds(
  new Map([
    ['connection', CONNECTION],
    ['content-length', LENGTH],
    ['transfer-encoding', CODING],
    ['keep-alive', KEEP_ALIVE],
    ['date', DATE],
    ...['te', 'trailer', 'upgrade', 'proxy-connection'].map((name) => [name, DROP] as const),
    ...['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'ratelimit', 'ratelimit-policy'].map(
      (name) => [name, QUOTA] as const,
    ),
  ]),
)

// Visible characters, blanks and obs-text; a bare CR or LF, a NUL or another control character, a folded line and a blank
// before the colon are what answers are split and smuggled with.
const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n/
const fieldLines = new RegExp(`^(?:${token}:[\\t\\x20-\\x7e\\x80-\\xff]*\\r\\n)*$`)

/**
 * Reads the head of an answer strictly: what two readers could understand in two ways is none.
 *
 * @param text - From the status line to the line end of the last field, without the empty line. One character is one byte.
 * @returns Undefined for what is no HTTP/1 answer, or one whose end cannot be told for certain.
 * @see RFC 9112 §4 to §6
 */
export function readAnswerHead(text: string, question: Question): AnswerHead | undefined {
  const first = statusLine.exec(text)
  if (first === null) return undefined
  const [{ length: start }, minor, digits, reason = ''] = first
  const block = text.slice(start)
  if (!fieldLines.test(block)) return undefined
  return new HeadReader(Number(digits), reason, minor === '0').read(block, question)
}

class HeadReader implements AnswerHead {
  readonly status: number
  readonly reason: string
  lines = ''
  hasDate = false
  framing: AnswerHead['framing'] = 'none'
  length: number | undefined
  keepsAlive: boolean
  keepAliveMs: number | undefined

  readonly #isOld: boolean
  #isChunked = false
  #named: readonly string[] | undefined

  constructor(status: number, reason: string, isOld: boolean) {
    this.status = status
    this.reason = reason
    this.#isOld = isOld
    this.keepsAlive = !isOld
  }

  read(block: string, question: Question): AnswerHead | undefined {
    let kept = 0
    for (let at = 0; at < block.length; ) {
      const colon = block.indexOf(':', at)
      const end = block.indexOf('\r\n', colon)
      const kind = kindOf(block.slice(at, colon))
      if (kind === DATE) this.hasDate = true
      else if (kind !== PASS && (kind !== QUOTA || question.tellsQuota)) {
        if (!this.#take(kind, block.slice(colon + 1, end).trim())) return undefined
        this.lines += block.slice(kept, at)
        kept = end + 2
      }
      at = end + 2
    }
    this.lines += block.slice(kept)
    if (this.#named !== undefined) this.#dropNamed(new Set(this.#named))
    return this.#frame(question) ? this : undefined
  }

  #take(kind: number, value: string): boolean {
    switch (kind) {
      case CONNECTION:
        this.#takeConnection(value)
        return true
      case LENGTH:
        if (this.length !== undefined || !/^\d{1,15}$/.test(value)) return false
        this.length = Number(value)
        return true
      case CODING:
        if (this.#isChunked || this.#isOld || value.toLowerCase() !== 'chunked') return false
        this.#isChunked = true
        return true
      case KEEP_ALIVE:
        this.keepAliveMs = readTimeout(value)
        return true
      default:
        return true
    }
  }

  #takeConnection(value: string): void {
    if (value.toLowerCase().includes('close')) this.keepsAlive = false
    const named = namedInConnection(value)
    if (named !== undefined) this.#named = [...(this.#named ?? []), ...named]
  }

  /** Says how the body ends. Two ways at once are none. @see RFC 9112 §6.3 */
  #frame({ isHead }: Question): boolean {
    const { status } = this
    if (this.#isChunked && this.length !== undefined) return false
    if (status < 200 || status === 204) {
      // RFC 9110 §8.6: no length goes with these, and a reader could wait for it.
      this.length = undefined
      return !this.#isChunked
    }
    if (isHead || status === 304) return true
    if (this.#isChunked) this.framing = 'chunked'
    else if (this.length === undefined) this.framing = 'close'
    else this.framing = 'length'
    if (this.framing === 'close') this.keepsAlive = false
    return true
  }

  #dropNamed(names: ReadonlySet<string>): void {
    const lines = this.lines.split('\r\n').slice(0, -1)
    const left = lines.filter((line) => !names.has(line.slice(0, line.indexOf(':')).toLowerCase()))
    this.lines = left.map((line) => `${line}\r\n`).join('')
  }
}

/** The `timeout` of a Keep-Alive field, in milliseconds. */
function readTimeout(value: string): number | undefined {
  const seconds = /(?:^|[ ,])timeout=(\d{1,5})(?:$|[ ,])/.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}
