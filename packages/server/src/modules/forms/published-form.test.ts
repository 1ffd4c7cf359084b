import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, it } from 'vitest'
import { DEMO_FORM } from './definition/demo.ts'
import { describePublic } from './definition/describe-public.ts'
import type { FormDefinition } from './definition/schema.ts'
import { createPublishedForm, type PublishedForm } from './published-form.ts'

const label = { en: 'Label', fr: 'L’étiquette' }

/** Forms of the shapes whose parts weigh most: many terse fields, a long choice, and one as people make them. */
const shapes: Readonly<Record<string, FormDefinition>> = {
  'a usual form': DEMO_FORM,
  'many terse fields': {
    title: label,
    fields: Array.from({ length: 40 }, (_, index) => ({ name: `f${index}`, type: 'text', label: { en: 'F' } })),
  },
  'a long choice': {
    title: label,
    fields: [
      {
        name: 'country',
        type: 'choice',
        label,
        choices: Array.from({ length: 200 }, (_, index) => ({ value: `c${index}`, label, score: index })),
      },
    ],
  },
  'many conditions': {
    title: label,
    fields: Array.from({ length: 20 }, (_, index) => ({
      name: `f${index}`,
      type: 'number',
      label,
      min: index,
      ...(index > 0 && { showWhen: { all: [{ field: `f${index - 1}`, op: 'atLeast', value: index } as const] } }),
    })),
  },
}

const make = (definition: FormDefinition, onGrown: (form: PublishedForm) => void = () => {}): PublishedForm =>
  // As from the database: nothing of one form is part of another.
  createPublishedForm(
    { id: crypto.randomUUID(), slug: 's', version: 1, definition: structuredClone(definition) },
    onGrown,
  )

function compiled(form: PublishedForm): PublishedForm {
  expect(form.compiled).toBeDefined()
  return form
}

describe('a published form in memory', () => {
  let collect: () => void
  beforeAll(() => {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc')
  })

  /** What one takes on the heap, of many. */
  async function heapBytesOf(makeOne: () => PublishedForm): Promise<{ taken: number; said: number }> {
    const count = 1_000
    const settled = async (): Promise<number> => {
      // What a WeakRef has shown is kept until the turn is over.
      await new Promise((resolve) => setImmediate(resolve))
      collect()
      return process.memoryUsage().heapUsed
    }
    for (let index = 0; index < 50; index += 1) makeOne()
    const before = await settled()
    const forms = Array.from({ length: count }, makeOne)
    const taken = ((await settled()) - before) / count
    return { taken, said: forms.reduce((sum, form) => sum + form.bytes, 0) / count }
  }

  describe.each(Object.entries(shapes))('%s', (_, definition) => {
    it.each([
      ['when it was only found', () => make(definition)],
      [
        'once it was shown',
        () => {
          const form = make(definition)
          form.shown('en')
          form.shown(undefined)
          return form
        },
      ],
      [
        'once it was shown and answered',
        () => {
          const form = make(definition)
          form.shown('fr')
          return compiled(form)
        },
      ],
    ])('says at least what it takes, and not twice as much, %s', async (_when, makeOne) => {
      const { taken, said } = await heapBytesOf(makeOne)
      expect(said).toBeGreaterThan(taken * 0.98)
      expect(said).toBeLessThan(taken * 2)
    })
  })

  it.each(['en', 'fr', undefined] as const)('is shown as its definition says, made once (%s)', (locale) => {
    const form = make(DEMO_FORM)
    const text = form.shown(locale)
    expect(JSON.parse(`${text}}`)).toEqual({
      ...{ id: form.id, slug: 's', version: 1, ...describePublic(DEMO_FORM, locale) },
      ...{ submitUrl: `/api/v1/leads/forms/${form.id}/submit`, minimumFillSeconds: 2 },
      honeypot: { field: form.trapName },
    })
    expect(form.shown(locale)).toBe(text)
  })

  it('has its definition as it was stored, long after it was read', async () => {
    const form = make(DEMO_FORM)
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(form.definition).toEqual(DEMO_FORM)
  })

  it('tells of its growth once for each part', () => {
    const grown: number[] = []
    const form = make(DEMO_FORM, ({ bytes }) => grown.push(bytes))
    const bare = form.bytes
    for (let turn = 0; turn < 2; turn += 1) {
      form.shown('en')
      form.shown('fr')
      expect(form.compiled).toBe(form.compiled)
    }
    expect(grown).toHaveLength(3)
    expect([bare, ...grown]).toEqual([bare, ...grown].toSorted((left, right) => left - right))
    expect(form.bytes).toBe(grown.at(-1))
  })
})
