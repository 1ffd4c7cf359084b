import { type Cidr, isInBlocks, readCidr } from '../cidr.ts'
import { type FieldReader, ownField, readWord } from '../fields.ts'
import { parseAddress } from '../ip-address.ts'
import { type Mode, type RuleDefaults, type RuleSettingsInput, readMode } from '../rule-settings.ts'
import type { Subjects } from '../subject.ts'

/** What an access list names. */
export type ListedSubject = 'ip' | 'country' | 'api-key'

/**
 * Who is let through or refused whatever they have spent. Who is allowed skips the counting and signal
 * rules that follow in the policy; `allow` is also the exception to `deny`. A list of countries or keys
 * may hold `*`: all of them, and requests that have none.
 */
export interface AccessListInput extends RuleSettingsInput {
  readonly kind: 'access-list'
  readonly by: ListedSubject
  /** Addresses and CIDR blocks, ISO 3166-1 alpha-2 codes in upper case, or ids of keys. */
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

/** What one side of a list names. */
interface Listing {
  readonly blocks: readonly Cidr[]
  readonly names: readonly string[]
}

/** An access list that has been checked. */
export interface AccessListRule {
  readonly id: string
  readonly kind: 'access-list'
  readonly by: ListedSubject
  readonly allow: Listing
  readonly deny: Listing
  readonly mode: Mode
}

/** What an access list says of a request it names; undefined of one it does not. */
export type AccessVerdict = 'allow' | 'deny' | undefined

/** Every field of an access list. */
export const accessListFields: readonly string[] = ['id', 'kind', 'by', 'allow', 'deny', 'mode']

const listedSubjects: readonly ListedSubject[] = ['ip', 'country', 'api-key']

/** Reads an access list. */
export function readAccessList(id: string, reader: FieldReader, defaults: RuleDefaults): AccessListRule | undefined {
  const by = readWord(reader, 'by', listedSubjects)
  const mode = readMode(reader, defaults)
  if (by === undefined) return undefined
  const allow = readListing(reader, 'allow', by)
  const deny = readListing(reader, 'deny', by)
  if (ownField(reader.fields, 'allow') === undefined && ownField(reader.fields, 'deny') === undefined) {
    reader.faults.push({ path: reader.path, message: 'needs "allow" or "deny"' })
  }
  return { id, kind: 'access-list', by, allow, deny, mode }
}

const words = new Uint32Array(4)

/** Looks a request up. An address by its full text, not by its counted key: a list may name one host of a /64. */
export function judgeAccess(rule: AccessListRule, subjects: Subjects): AccessVerdict {
  if (rule.by === 'ip') {
    const family = parseAddress(subjects.ip.text, words)
    if (isInBlocks(rule.allow.blocks, family, words)) return 'allow'
    return isInBlocks(rule.deny.blocks, family, words) ? 'deny' : undefined
  }
  const name = rule.by === 'country' ? subjects.country?.toUpperCase() : subjects['api-key']
  if (isNamed(rule.allow, name)) return 'allow'
  return isNamed(rule.deny, name) ? 'deny' : undefined
}

function isNamed({ names }: Listing, name: string | undefined): boolean {
  return names.includes('*') || (name !== undefined && names.includes(name))
}

const listedForms: Readonly<Record<ListedSubject, string>> = {
  ip: 'addresses and CIDR blocks',
  country: 'ISO 3166-1 alpha-2 codes in upper case',
  'api-key': 'ids of keys',
}

function readListing(reader: FieldReader, name: 'allow' | 'deny', by: ListedSubject): Listing {
  const value = ownField(reader.fields, name)
  const path = `${reader.path}.${name}`
  const blocks: Cidr[] = []
  const names: string[] = []
  if (value === undefined) return { blocks, names }
  if (!Array.isArray(value)) {
    reader.faults.push({ path, message: `must be a list of ${listedForms[by]}` })
    return { blocks, names }
  }
  const items: readonly unknown[] = value
  for (const [index, item] of items.entries()) {
    const place = { ...reader, path: `${path}[${index}]` }
    if (by === 'ip') readBlock(item, place, blocks)
    else readName(item, place, by, names)
  }
  return { blocks, names }
}

function readBlock(item: unknown, { path, faults }: FieldReader, blocks: Cidr[]): void {
  const reading = readCidr(item)
  if (reading.ok) {
    blocks.push(reading.cidr)
    return
  }
  const { ok: _, ...fault } = reading
  faults.push({ path, ...fault })
}

const namePatterns = { country: /^(?:[A-Z]{2}|\*)$/, 'api-key': /^[\x21-\x7e]{1,128}$/ }

function readName(item: unknown, { path, faults }: FieldReader, by: 'country' | 'api-key', names: string[]): void {
  if (typeof item === 'string' && namePatterns[by].test(item)) names.push(item)
  else if (by === 'country' && typeof item === 'string' && /^[A-Za-z]{2}$/.test(item)) {
    faults.push({ path, message: 'must be in upper case', suggestion: item.toUpperCase() })
  } else faults.push({ path, message: `is none of the ${listedForms[by]}` })
}
