import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox'

/** A strict object: a member it does not name is a fault. */
export const Strict = <P extends TProperties>(
  properties: P,
  options: { $id?: string; description?: string; examples?: readonly object[] } = {},
): TObject<P> => Type.Object(properties, { ...options, additionalProperties: false })

/** One line of text: no control character and something besides white space. Lengths in code points. */
export const Line = (maxLength: number, options: { minLength?: number; description?: string } = {}) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^(?=[\\s\\S]*\\S)[^\\u0000-\\u001F\\u007F-\\u009F\\u2028\\u2029]*$',
    ...options,
  })

/** Text with line breaks and tabs, no other control character, and something besides white space. */
export const Paragraphs = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: '^(?=[\\s\\S]*\\S)[^\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F]*$',
  })

/** One e-mail address (see `canonicalEmail`). */
export const Email = Type.String({ minLength: 3, maxLength: 254, format: 'email' })

export const Id = Type.String({ format: 'uuid', description: 'UUIDv7' })

export const Instant = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' })

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** A schema published under its `$id` and referred to by it, with its static type kept. */
export const Ref = <T extends TSchema>(schema: T & { $id?: string }) =>
  Type.Unsafe<Static<T>>({ $ref: `${schema.$id ?? ''}#` })
