import type { VerifyingKey } from '../credentials/master-signer.ts'
import { BEFORE_THE_FIRST, type ChainEntry, walkChain } from './chain.ts'
import { isSigned, type SignedHead } from './heads.ts'

/*
 * An export is lines of JSON: a header, then entries in the order of the chain, each signed head somewhere before the entry
 * that it names, and an end that says how many there were.
 */

/** The first line. */
export interface ExportHeader {
  readonly type: 'header'
  readonly format: 'rempart-audit/1'
  readonly tenantId: string
  readonly tenantSlug: string
  /** RFC 3339, UTC. */
  readonly exportedAt: string
  /** What signs heads here, as far as the exporter knows. */
  readonly keys: readonly VerifyingKey[]
}

export type ExportLine =
  | ExportHeader
  | ({ readonly type: 'entry' } & ChainEntry)
  | ({ readonly type: 'head' } & SignedHead)
  | { readonly type: 'end'; readonly entries: number; readonly heads: number }

/** One line, with its line feed. Nothing in a value can end it, move a cursor or turn the direction of what follows. */
export function exportLine(line: ExportLine): string {
  return `${JSON.stringify(line).replace(unsafe, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}

const unsafe = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** What an export turned out to be. */
export interface ExportVerdict {
  /**
   * `whole`; `altered`: the entry `at` was edited, is missing or was moved; `truncated`: entries up to `at` were signed and
   * are gone; `head-altered`: the head of `at` is not what was signed; `incomplete`: the file was cut short, or is none.
   */
  readonly verdict: 'whole' | 'altered' | 'truncated' | 'head-altered' | 'incomplete'
  readonly at: number | null
  readonly tenantId: string | null
  readonly exportedAt: string | null
  readonly entries: number
  /** The last entry that a head which was checked vouches for; 0 for none. */
  readonly signedTo: number
  /** The file brought the key of its own heads: who made up the file may have made up that too. */
  readonly isOwnKey: boolean
}

export interface ExportTrust {
  /** Keys that are believed; absent: those of the file. Without any, no signature is checked. */
  readonly keys?: readonly VerifyingKey[]
  /** Heads that were kept elsewhere, such as in the anchor file. Those of other tenants, and newer ones, are passed over. */
  readonly anchors?: readonly SignedHead[]
}

interface Walk {
  header: ExportHeader | undefined
  keys: readonly VerifyingKey[]
  seq: number
  hash: string
  heads: number
  signedTo: number
  isEnded: boolean
  /** The last head under a key that is not believed: a later one that is has to vouch for it. 0 for none. */
  unknownTo: number
  /** Hashes by sequence number that are still to come, and whether a key that is believed signed them. */
  readonly pending: Map<number, { readonly hash: string; readonly isSigned: boolean }>
}

type Fault = Pick<ExportVerdict, 'verdict' | 'at'>

/** Checks an export, line by line, with nothing but the file. What holds up offline holds up in the database. */
export async function verifyExport(lines: AsyncIterable<string>, trust: ExportTrust = {}): Promise<ExportVerdict> {
  const walk: Walk = {
    header: undefined,
    keys: trust.keys ?? [],
    seq: 0,
    hash: BEFORE_THE_FIRST,
    heads: 0,
    signedTo: 0,
    isEnded: false,
    unknownTo: 0,
    pending: new Map(),
  }
  let fault: Fault | undefined
  for await (const text of lines) {
    if (text === '') continue
    fault = takeLine(walk, text, trust)
    if (fault !== undefined) break
  }
  const { verdict, at } = fault ?? endOf(walk)
  return {
    verdict,
    at,
    tenantId: walk.header?.tenantId ?? null,
    exportedAt: walk.header?.exportedAt ?? null,
    entries: walk.seq,
    signedTo: walk.signedTo,
    isOwnKey: trust.keys === undefined,
  }
}

const incomplete: Fault = { verdict: 'incomplete', at: null }

function takeLine(walk: Walk, text: string, trust: ExportTrust): Fault | undefined {
  const line = readLine(text)
  if (line === undefined || walk.isEnded) return walk.seq === 0 ? incomplete : { verdict: 'altered', at: walk.seq + 1 }
  if (walk.header === undefined) return line.type === 'header' ? begin(walk, line, trust) : incomplete
  if (line.type === 'entry') return takeEntry(walk, line)
  if (line.type === 'head') return takeHead(walk, line)
  if (line.type === 'header') return { verdict: 'altered', at: walk.seq + 1 }
  walk.isEnded = true
  return line.entries === walk.seq && line.heads === walk.heads ? undefined : { verdict: 'truncated', at: walk.seq + 1 }
}

function begin(walk: Walk, header: ExportHeader, trust: ExportTrust): Fault | undefined {
  if (header.format !== 'rempart-audit/1' || !Array.isArray(header.keys)) return incomplete
  walk.header = header
  walk.keys = trust.keys ?? header.keys
  const exportedMs = Date.parse(header.exportedAt)
  for (const anchor of trust.anchors ?? []) {
    if (anchor.tenantId !== header.tenantId || anchor.signedAtMs > exportedMs) continue
    const fault = takeSigned(walk, anchor)
    if (fault !== undefined) return fault
  }
  return undefined
}

function takeHead(walk: Walk, head: SignedHead): Fault | undefined {
  walk.heads += 1
  return head.seq <= walk.seq ? { verdict: 'head-altered', at: head.seq } : takeSigned(walk, head)
}

function takeSigned(walk: Walk, head: SignedHead): Fault | undefined {
  const other = walk.pending.get(head.seq)
  const isKnown = walk.keys.some(({ kid }) => kid === head.kid)
  const isSound = head.tenantId === walk.header?.tenantId && (!isKnown || isSigned(head, walk.keys))
  if (!isSound) return { verdict: 'head-altered', at: head.seq }
  // Two sound heads that disagree: the log had two histories.
  if (other !== undefined && other.hash !== head.hash) return { verdict: 'altered', at: head.seq }
  walk.pending.set(head.seq, { hash: head.hash, isSigned: isKnown || other?.isSigned === true })
  if (!isKnown && walk.keys.length > 0) walk.unknownTo = Math.max(walk.unknownTo, head.seq)
  return undefined
}

function takeEntry(walk: Walk, entry: ChainEntry): Fault | undefined {
  const broken: Fault = { verdict: 'altered', at: walk.seq + 1 }
  if (entry.tenantId !== walk.header?.tenantId) return broken
  const walked = walkChain(walk, [entry])
  if ('brokenAt' in walked) return broken
  const signed = walk.pending.get(walked.seq)
  if (signed !== undefined && signed.hash !== walked.hash) return broken
  if (signed?.isSigned) walk.signedTo = walked.seq
  walk.pending.delete(walked.seq)
  walk.seq = walked.seq
  walk.hash = walked.hash
  return undefined
}

function endOf(walk: Walk): Fault {
  const beyond = Math.max(0, ...walk.pending.keys())
  if (beyond > 0) return { verdict: 'truncated', at: beyond }
  if (walk.unknownTo > walk.signedTo) return { verdict: 'head-altered', at: walk.unknownTo }
  return walk.header !== undefined && walk.isEnded ? { verdict: 'whole', at: null } : incomplete
}

/** Undefined for what is no line of an export. */
function readLine(text: string): ExportLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  const shape = shapes[String(value.type)]
  const isFit =
    shape !== undefined && Object.entries(shape).every(([name, kinds]) => kinds.includes(kindOf(value, name)))
  // Every member has been seen to be of its type.
  return isFit ? (value as ExportLine) : undefined
}

function kindOf(value: object, name: string): string {
  const member: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
  if (member === null) return 'null'
  if (typeof member === 'number') return Number.isSafeInteger(member) ? 'integer' : 'number'
  return typeof member
}

const text = ['string']
const maybe = ['string', 'null']
const integer = ['integer']
const shapes: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  header: { format: text, tenantId: text, tenantSlug: text, exportedAt: text, keys: ['object'] },
  entry: {
    tenantId: text,
    seq: integer,
    atMs: integer,
    actorKind: text,
    actorId: maybe,
    action: text,
    resourceType: maybe,
    resourceId: maybe,
    outcome: text,
    requestId: text,
    changes: text,
    subjectId: maybe,
    personal: maybe,
    client: maybe,
    hash: text,
  },
  head: { tenantId: text, seq: integer, hash: text, signedAtMs: integer, kid: text, signature: text },
  end: { entries: integer, heads: integer },
}
