import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ChunkReader } from './chunks.ts'

/** Reads a text cut at the given places. */
function read(text: string, cuts: readonly number[]) {
  const bytes = Buffer.from(text, 'latin1')
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other), bytes.length]
  const chunks = new ChunkReader()
  let body = ''
  let state = 'more'
  for (let index = 1; index < places.length && state === 'more'; index += 1) {
    state = chunks.read(bytes, places[index - 1] ?? 0, places[index] ?? 0, (from, to) => {
      body += bytes.toString('latin1', from, to)
    })
  }
  return { state, body, end: state === 'done' ? chunks.end : -1 }
}

const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 6 })
const cuts = fc.array(fc.nat(), { maxLength: 12 })

it('reads every chunked body alike, however it is cut up on the way, and knows its end', () => {
  fc.assert(
    fc.property(
      pieces,
      cuts,
      fc.constantFrom('', ';a=b', ' ; a="b c"'),
      fc.string(),
      (list, places, extension, rest) => {
        const body = list.map((piece) => Buffer.from(piece).toString('latin1'))
        const text = `${body.map((piece) => `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`).join('')}0\r\nt: 1\r\n\r\n`
        const whole = text + Buffer.from(rest).toString('latin1')
        expect(read(whole, places)).toEqual({ state: 'done', body: body.join(''), end: text.length })
      },
    ),
  )
})

it('takes no byte of the framing for another', () => {
  fc.assert(
    fc.property(fc.nat(30), fc.nat(255), cuts, (place, byte, places) => {
      const text = '5\r\nhello\r\n6\r\n world\r\n0\r\nt: 1\r\n\r\n'
      const at = place % text.length
      const changed = text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1)
      const { state, body } = read(changed, places)
      // What is still taken is a body whose chunks are as long as they say.
      if (state === 'done') expect(body.length).toBe(changed.startsWith('0') ? 0 : 11)
    }),
    { numRuns: 2_000 },
  )
})

it.each(
  [
    'g\r\n',
    '\r\n',
    ' 1\r\na',
    '1 \r\na',
    '1\na\r\n',
    '-1\r\n',
    '123456789\r\n',
    '1\r\nab\r\n',
    '1\r\na\n',
    '0\r\nbad\r\n\r\n',
    '0\r\na: \0\r\n\r\n',
    `1;${'x'.repeat(300)}`,
    `0\r\n${'a: b\r\n'.repeat(3_000)}\r\n`,
  ].map((text) => [text.slice(0, 20), text] as const),
)('refuses %j…', (_start, text) => {
  expect(read(text, []).state).toBe('broken')
})
