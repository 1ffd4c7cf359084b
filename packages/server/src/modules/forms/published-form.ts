import { createHash } from 'node:crypto'
import { compileSerializer } from '../../core/answer/serialization.ts'
import { type CompiledForm, compileForm, type FormProtection, protectionOf } from './definition/compile.ts'
import { describePublic } from './definition/describe-public.ts'
import type { FormDefinition, FormLocale } from './definition/schema.ts'
import { type ShownForm, ShownFormSchema } from './public-schema.ts'

/**
 * A published form, ready to be shown and answered. What showing or answering takes is made when it is first asked for:
 * most forms are seen far more often than they are sent, and thousands are in memory.
 */
export interface PublishedForm {
  readonly id: string
  readonly slug: string
  readonly version: number
  /** The hidden field's innocuous name; no field of the form has it. */
  readonly trapName: string
  readonly protection: FormProtection
  readonly exposeScore: boolean
  /** Read anew from its text unless somebody has just used it; the same object for as long as one piece of work takes. */
  readonly definition: FormDefinition
  readonly compiled: CompiledForm
  /**
   * What every visitor is shown, as JSON without the brace at its end.
   *
   * @param locale - of the texts; undefined for all of them.
   */
  shown(locale: FormLocale | undefined): string
  /** What it takes in memory by now, about. */
  readonly bytes: number
}

/** A row of `findPublishedForm`. */
export interface PublishedVersion {
  readonly id: string
  readonly slug: string
  readonly version: number
  readonly definition: FormDefinition
}

/** @param onGrown - told when the form has come to take more memory. */
export function createPublishedForm(row: PublishedVersion, onGrown: (form: PublishedForm) => void): PublishedForm {
  return new KeptForm(row, onGrown)
}

/** The object itself, its names and its places in the memory. */
const ownBytes = 1_024
/** Measured, with something over: of each field its readers and conditions, and of its text the choices and rules. */
const compiledBytes = (fields: number, textBytes: number): number => 512 + 320 * fields + Math.ceil(1.25 * textBytes)

/** Nothing leaves that the schema does not name. Compiled for the first form that is shown. */
let compiledToJson: ((value: unknown) => string) | undefined
function toJson(shown: ShownForm): string {
  compiledToJson ??= compileSerializer(ShownFormSchema, new Map())
  return compiledToJson(shown)
}

class KeptForm implements PublishedForm {
  readonly id: string
  readonly slug: string
  readonly version: number
  readonly trapName: string
  readonly protection: FormProtection
  readonly exposeScore: boolean
  bytes: number
  readonly #packed: string
  readonly #onGrown: (form: PublishedForm) => void
  // As an object, a definition takes twice as much as its text.
  #read: WeakRef<FormDefinition>
  #compiled: CompiledForm | undefined = undefined
  #shown: Partial<Record<FormLocale | 'all', string>> | undefined = undefined

  constructor({ id, slug, version, definition }: PublishedVersion, onGrown: (form: PublishedForm) => void) {
    this.id = id
    this.slug = slug
    this.version = version
    this.trapName = trapNameOf(id, definition)
    this.protection = Object.freeze(protectionOf(definition))
    this.exposeScore = definition.exposeScore ?? false
    this.#packed = pack(JSON.stringify(definition))
    this.#read = new WeakRef(definition)
    this.#onGrown = onGrown
    this.bytes = ownBytes + this.#packed.length
  }

  get definition(): FormDefinition {
    const read = this.#read.deref()
    if (read !== undefined) return read
    // The text of what was a definition.
    const definition = JSON.parse(unpack(this.#packed)) as FormDefinition
    this.#read = new WeakRef(definition)
    return definition
  }

  get compiled(): CompiledForm {
    if (this.#compiled === undefined) {
      this.#compiled = compileForm(this.definition)
      this.#grow(compiledBytes(this.#compiled.fields.length, this.#packed.length))
    }
    return this.#compiled
  }

  shown(locale: FormLocale | undefined): string {
    const name = locale ?? 'all'
    const known = this.#shown?.[name]
    if (known !== undefined) return known
    const text = flat(toJson(this.#describe(locale)).slice(0, -1))
    this.#shown = { ...this.#shown, [name]: text }
    this.#grow(bytesOfText(text))
    return text
  }

  #describe(locale: FormLocale | undefined): ShownForm {
    return {
      id: this.id,
      slug: this.slug,
      version: this.version,
      ...describePublic(this.definition, locale),
      submitUrl: `/api/v1/leads/forms/${this.id}/submit`,
      minimumFillSeconds: this.protection.minimumFillSeconds,
      honeypot: { field: this.trapName },
    }
  }

  #grow(bytes: number): void {
    this.bytes += bytes
    this.#onGrown(this)
  }
}

// A text with one letter beyond Latin-1, such as a typographic apostrophe, takes two bytes for every letter. Its UTF-8,
// a letter for a byte, takes one for nearly all, and no buffer of its own.
const pack = (text: string): string => Buffer.from(text).toString('latin1')
const unpack = (packed: string): string => Buffer.from(packed, 'latin1').toString()

/** The same text in one piece: one made of many holds on to all of them. */
const flat = (text: string): string => Buffer.from(text).toString()

const bytesOfText = (text: string): number => (/[^\0-\xff]/.test(text) ? 2 : 1) * text.length

/** Names that read like any field of a form, that no browser fills in by itself, and that no form here uses. */
const trapNames = [
  'reference',
  'extension',
  'department',
  'referredBy',
  'accountNumber',
  'invoiceCode',
  'contactTopic',
  'branchOffice',
] as const

// The same form keeps its name, so a page may be cached; two forms rarely share one.
function trapNameOf(formId: string, { fields }: FormDefinition): string {
  const taken = new Set<string>(fields.map((field) => field.name))
  const start = createHash('sha256').update(`trap:${formId}`).digest().readUInt8(0)
  for (let step = 0; step < trapNames.length; step += 1) {
    const name = trapNames[(start + step) % trapNames.length]
    if (name !== undefined && !taken.has(name)) return name
  }
  // A form cannot have a field of this name: field names begin with a lower-case letter.
  return 'Reference2'
}
