import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createReorderBuffer, type LoggedRequest } from './reorder.ts'

const start = 1_779_000_000

/** Sends times, in milliseconds from a beginning, through a buffer; tells when each comes out, by its number. */
function through(timesMs: readonly number[], windowSeconds = 60) {
  const out: { client: number; atMs: number }[] = []
  const buffer = createReorderBuffer(windowSeconds, ({ client, second, milli }) =>
    out.push({ client, atMs: (second - start) * 1_000 + milli }),
  )
  for (const [client, timeMs] of timesMs.entries()) {
    const second = start + Math.floor(timeMs / 1_000)
    const request: LoggedRequest = {
      client,
      route: 7,
      agent: 9,
      status: 200,
      second,
      milli: ((timeMs % 1_000) + 1_000) % 1_000,
    }
    buffer.add(request)
  }
  buffer.end()
  return { out, counts: buffer.counts }
}

describe('requests out of order', () => {
  it('within the window come out in the order of their times, those of one time in the order of their lines', () => {
    const jittered = fc.array(fc.tuple(fc.nat(5_000), fc.nat(59_000)), { maxLength: 200 }).map((steps) => {
      let now = 0
      return steps.map(([step, back]) => {
        now += step
        return Math.max(0, now - back)
      })
    })
    fc.assert(
      fc.property(jittered, (timesMs) => {
        const { out, counts } = through(timesMs)
        const expected = timesMs.map((atMs, client) => ({ client, atMs })).sort((one, other) => one.atMs - other.atMs)
        expect(out).toEqual(expected)
        expect(counts).toEqual({ late: 0, misdated: 0, shortened: 0 })
      }),
    )
  })

  it('beyond the window are counted and decided at the present time, and time never runs back', () => {
    const times = fc.array(fc.nat(3_000_000), { maxLength: 200 })
    fc.assert(
      fc.property(times, fc.constantFrom(0, 1, 60), (timesMs, windowSeconds) => {
        const { out, counts } = through(timesMs, windowSeconds)
        expect(out.map(({ client }) => client).toSorted((one, other) => one - other)).toEqual(
          timesMs.map((_, index) => index),
        )
        for (const [index, { atMs }] of out.entries()) expect(atMs).toBeGreaterThanOrEqual(out[index - 1]?.atMs ?? 0)
        // What kept its own time was not late.
        const moved = out.filter(({ client, atMs }) => atMs !== timesMs[client]).length
        expect(moved).toBeLessThanOrEqual(counts.late)
      }),
    )
  })

  it('carry what they are through the buffer', () => {
    const seen: LoggedRequest[] = []
    const buffer = createReorderBuffer(60, (request) => seen.push({ ...request }))
    const request = { client: 262_143, route: 65_535, agent: 4_000_000_000, status: 999, second: start, milli: 999 }
    buffer.add(request)
    buffer.end()
    expect(seen).toEqual([request])
  })
})

describe('a date far ahead', () => {
  it('of one line does not make the lines behind it late', () => {
    const { out, counts } = through([0, 1_000, 900_000_000, 2_000, 3_000])
    expect(out.map(({ client }) => client)).toEqual([0, 1, 2, 3, 4])
    expect(counts).toMatchObject({ late: 0, misdated: 1 })
  })

  it('of many lines is a pause, and believed', () => {
    const after = Array.from({ length: 20 }, (_, index) => 900_000_000 + index * 10)
    const { out, counts } = through([0, 1_000, ...after])
    expect(out.map(({ atMs }) => atMs)).toEqual([0, 1_000, ...after])
    expect(counts).toMatchObject({ late: 0, misdated: 0 })
  })

  it('at the end of the log is believed', () => {
    expect(through([0, 1_000, 900_000_000]).out.at(-1)).toEqual({ client: 2, atMs: 900_000_000 })
  })
})

it('holds a bounded number of requests, and says when it let them go early', () => {
  let released = 0
  const buffer = createReorderBuffer(60, () => {
    released += 1
  })
  const request = { client: 1, route: 0, agent: 0, status: 200, second: start, milli: 0 }
  for (let index = 0; index < 1_100_000; index += 1) {
    request.second = start + (index % 50)
    buffer.add(request)
  }
  expect(released).toBeGreaterThan(20_000)
  expect(buffer.counts.shortened).toBeGreaterThan(0)
  buffer.end()
  expect(released).toBe(1_100_000)
})
