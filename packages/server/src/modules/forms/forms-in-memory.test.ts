import { describe, expect, it } from 'vitest'
import { DEMO_FORM } from './definition/demo.ts'
import { createPublishedForms } from './public.ts'

const maxBytes = 1_048_576

/** Forms of as many tenants as are asked for; each question to the database is counted. */
function startForms() {
  const forms = createPublishedForms({ hears: () => true, maxBytes })
  let asked = 0
  // What stands in for the database: one row for whoever asks.
  const find = (tenant: number) => {
    const row = { id: `id-${tenant}`, slug: 's', name: 'S', version: 1, definition: structuredClone(DEMO_FORM) }
    const readInTenant = async () => {
      asked += 1
      return row
    }
    const context = { tenant: { id: `tenant-${tenant}` }, readInTenant } as unknown as Parameters<typeof forms.find>[0]
    return forms.find(context, { slug: 's' })
  }
  return { forms, find, asked: () => asked }
}

describe('the memory of published forms', () => {
  it('holds less than its bytes, also of forms that have come to be shown and answered since they were found', async () => {
    const { find } = startForms()
    const found: Awaited<ReturnType<typeof find>>[] = []
    for (let tenant = 0; tenant < 1_000; tenant += 1) {
      const form = await find(tenant)
      found.push(form)
      form?.shown('en')
      form?.shown('fr')
      expect(form?.compiled).toBeDefined()
    }
    let [bytes, kept] = [0, 0]
    // From the last one, since what is not there any more is found anew and drives out another.
    for (const [tenant, form] of [...found.entries()].reverse()) {
      if ((await find(tenant)) !== form) break
      bytes += form?.bytes ?? 0
      kept += 1
    }
    expect(kept).toBeGreaterThan(0)
    expect(bytes).toBeLessThanOrEqual(maxBytes)
  })

  it('has room for twice as many forms that are only shown as for forms that are answered too', async () => {
    const entries = async (isAnswered: boolean): Promise<number> => {
      const { forms, find } = startForms()
      for (let tenant = 0; tenant < 500; tenant += 1) {
        const form = await find(tenant)
        form?.shown('en')
        if (isAnswered) expect(form?.compiled).toBeDefined()
      }
      return forms.reading().entries
    }
    expect(await entries(false)).toBeGreaterThan(1.9 * (await entries(true)))
  })

  it('asks the database once for a form that is shown and answered again and again', async () => {
    const { find, asked } = startForms()
    for (let turn = 0; turn < 10; turn += 1) {
      const form = await find(1)
      form?.shown('en')
      expect(form?.compiled).toBeDefined()
    }
    expect(asked()).toBe(1)
  })
})
