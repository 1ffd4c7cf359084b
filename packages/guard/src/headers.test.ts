import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide } from './decide.ts'
import { rateLimitHeaders } from './headers.ts'
import { createMemoryStore } from './stores/memory.ts'
import { serializeString } from './structured-field.ts'
import { earlyPlan, from } from './testing/arrivals.ts'
import { parseItems } from './testing/structured-field-parser.ts'

const client = from('192.0.2.1')
const contact = () =>
  earlyPlan([{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 3, window: '60s', cooldown: '300s' }], {
    id: 'contact.submit',
  })

describe('the headers of a decision', () => {
  it('say on an admitted response what is left and until when', () => {
    const decision = decide(contact(), createMemoryStore(), client, 1, 5_000)
    expect(rateLimitHeaders(decision, 1_800_000_000_500)).toEqual({
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '2',
      'x-ratelimit-reset': '1800000061',
      ratelimit: '"contact.submit/burst";r=2;t=60',
      'ratelimit-policy': '"contact.submit/burst";q=3;w=60',
    })
  })

  it('say on a refusal how long to wait, in whole seconds rounded up', () => {
    const plan = contact()
    const store = createMemoryStore()
    for (let sent = 0; sent < 4; sent += 1) decide(plan, store, client, 1, 0)
    const headers = rateLimitHeaders(decide(plan, store, client, 1, 1), 1_800_000_000_000)
    expect(headers).toMatchObject({
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1800000300',
      ratelimit: '"contact.submit/burst";r=0;t=300',
      'retry-after': '300',
    })
  })

  it('never ask to wait 0 seconds', () => {
    const plan = contact()
    const store = createMemoryStore()
    for (let sent = 0; sent < 4; sent += 1) decide(plan, store, client, 1, 0)
    const refusal = decide(plan, store, client, 1, 299_999.5)
    expect(rateLimitHeaders(refusal, 0)['retry-after']).toBe('1')
    expect(rateLimitHeaders({ ...refusal, retryAfterMs: 0 }, 0)['retry-after']).toBe('1')
  })

  it('are none where nothing was counted', () => {
    const plan = earlyPlan([{ id: 'list', kind: 'access-list', by: 'ip', deny: ['192.0.2.1'] }])
    expect(rateLimitHeaders(decide(plan, createMemoryStore(), client, 1, 0), 0)).toEqual({})
  })

  it('parse back as structured fields with the figures of the decision', () => {
    fc.assert(
      fc.property(
        fc.record({
          policyId: fc.stringMatching(/^[A-Za-z0-9][\w.:-]{0,63}$/),
          ruleId: fc.stringMatching(/^[A-Za-z0-9][\w.:-]{0,63}$/),
          limit: fc.integer({ min: 1, max: 2 ** 31 }),
          windowMs: fc.integer({ min: 1, max: 400 * 86_400_000 }),
        }),
        ({ policyId, ruleId, limit, windowMs }) => {
          const plan = earlyPlan([{ id: ruleId, kind: 'rate-limit', by: 'ip', limit, window: windowMs }], {
            id: policyId,
          })
          const headers = rateLimitHeaders(decide(plan, createMemoryStore({ budgetBytes: 65_536 }), client, 1, 0), 0)
          const seconds = Math.ceil(windowMs / 1_000)
          const name = `${policyId}/${ruleId}`
          expect(parseItems(headers['ratelimit-policy'] ?? '')).toEqual([
            { name, parameters: { q: limit, w: seconds } },
          ])
          const [item] = parseItems(headers.ratelimit ?? '')
          expect(item).toMatchObject({ name, parameters: { r: limit - 1 } })
          expect(item?.parameters['t']).toBeGreaterThanOrEqual(seconds)
        },
      ),
    )
  })
})

describe('a structured field string', () => {
  it('holds any printable ASCII and parses back to it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        expect(parseItems(serializeString(text))).toEqual([{ name: text, parameters: {} }])
      }),
    )
  })

  it.each(['a\r\nset-cookie: x', 'a\nb', 'caf\u00e9', '\u0000', '\u007f'])(
    'refuses %j, which a header cannot hold',
    (text) => {
      expect(() => serializeString(text)).toThrow(RangeError)
    },
  )
})
