import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestId, traceContext } from './id.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'

describe('requestId', () => {
  it.each(['a', 'req-1', '0198f6a0-1111-7222-8333-444455556666', 'Root=1-67891233-abc', 'YWJj+/8=', 'x'.repeat(128)])(
    'keeps %s',
    (incoming) => expect(requestId(incoming)).toBe(incoming),
  )

  it.each([
    undefined,
    '',
    'x'.repeat(129),
    'a b',
    'a\r\nset-cookie: x=1',
    'a\n',
    '\u001b[2J',
    '{"level":"fatal"}',
    '<script>',
    'é',
    'a,b',
    ['a', 'b'],
  ])('answers %j with a UUIDv7 of its own', (incoming) => {
    expect(requestId(incoming)).toMatch(UUID_V7)
  })

  it('never repeats one it made, and they sort by time', () => {
    const ids = Array.from({ length: 2000 }, () => requestId(undefined))
    expect(new Set(ids).size).toBe(2000)
    const times = ids.map((id) => id.slice(0, 13))
    expect(times).toEqual(times.toSorted())
  })
})

describe('traceContext', () => {
  it("continues the caller's trace under a span of its own", () => {
    const context = traceContext(`00-${trace}-${span}-01`)
    expect(context).toMatchObject({ traceId: trace, parentSpanId: span, sampled: true })
    expect(context.spanId).toMatch(/^[0-9a-f]{16}$/)
    expect(context.spanId).not.toBe(span)
    expect(context.traceparent).toBe(`00-${trace}-${context.spanId}-01`)
  })

  it('keeps the sampled flag and no other', () => {
    expect(traceContext(`00-${trace}-${span}-00`).traceparent).toMatch(/-00$/)
    expect(traceContext(`00-${trace}-${span}-fe`)).toMatchObject({ traceId: trace, sampled: false })
    expect(traceContext(`00-${trace}-${span}-ff`).traceparent).toMatch(/-01$/)
  })

  it.each([
    undefined,
    '',
    `00-${trace}-${span}`,
    `00-${trace}-${span}-1`,
    `00-${trace}-${span}-01-`,
    `00-${trace}-${span}-01-extra`,
    `01-${trace}-${span}-01`,
    `ff-${trace}-${span}-01`,
    `00-${trace.toUpperCase()}-${span}-01`,
    `00-${'0'.repeat(32)}-${span}-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `00-${trace.slice(1)}-${span}-01`,
    ` 00-${trace}-${span}-01`,
    `00-${trace}-${span}-01\n`,
    `00-${trace}-${span}-0g`,
    [`00-${trace}-${span}-01`, `00-${trace}-${span}-01`],
  ])('starts a trace when it gets %j', (incoming) => {
    const context = traceContext(incoming)
    expect(context.traceId).not.toBe(trace)
    expect(context.parentSpanId).toBeUndefined()
    expect(context.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  })

  it('records a trace that starts here when it is told to', () => {
    expect(traceContext(undefined, true)).toMatchObject({ sampled: true })
    expect(traceContext(`00-${trace}-${span}-00`, true)).toMatchObject({ sampled: false })
  })

  it('answers anything with a traceparent that it would itself continue', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (incoming) => {
        const { traceId, spanId, traceparent } = traceContext(incoming)
        expect(traceContext(traceparent)).toMatchObject({ traceId, parentSpanId: spanId })
      }),
    )
  })

  it('never gives two requests the same span', () => {
    const spans = Array.from({ length: 5000 }, () => traceContext(`00-${trace}-${span}-01`).spanId)
    expect(new Set(spans).size).toBe(5000)
  })
})
