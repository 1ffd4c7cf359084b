import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLineReader, LONGEST_LINE } from './line-reader.ts'

function readAll(chunks: readonly Buffer[]): { lines: string[]; tooLong: number } {
  const lines: string[] = []
  let tooLong = 0
  const reader = createLineReader(
    (bytes, view, start, end) => {
      expect(view.getUint8(0)).toBe(bytes[0])
      lines.push(bytes.toString('latin1', start, end))
      return true
    },
    () => {
      tooLong += 1
    },
  )
  for (const chunk of chunks) expect(reader.push(chunk, 0)).toBe(chunk.length)
  reader.end()
  return { lines, tooLong }
}

describe('lines', () => {
  it('are the same however the bytes come in', () => {
    const text = fc.array(fc.stringMatching(/^[a-z]{0,6}\r?$/), { minLength: 1 }).map((lines) => lines.join('\n'))
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 9 })), (whole, sizes) => {
        const bytes = Buffer.from(whole)
        const chunks: Buffer[] = []
        for (let at = 0, index = 0; at < bytes.length; index += 1) {
          const size = sizes[index] ?? 5
          chunks.push(Buffer.from(bytes.subarray(at, at + size)))
          at += size
        }
        const expected = whole.split('\n').map((line) => line.replace(/\r$/, ''))
        if (whole === '' || whole.endsWith('\n')) expected.pop()
        expect(readAll(chunks).lines).toEqual(expected)
      }),
    )
  })

  it('too long are told of and passed over, across any number of chunks', () => {
    const long = Buffer.alloc(LONGEST_LINE * 3, 97)
    const chunks = [
      Buffer.from('one\n'),
      long,
      long,
      Buffer.from('\ntwo\n'),
      Buffer.concat([long, Buffer.from('\nthree')]),
    ]
    expect(readAll(chunks)).toEqual({ lines: ['one', 'two', 'three'], tooLong: 2 })
  })

  it('stop where no further one is wanted, and go on from there', () => {
    const seen: string[] = []
    const reader = createLineReader(
      (bytes, _view, start, end) => {
        seen.push(bytes.toString('latin1', start, end))
        return bytes[start] !== 33
      },
      () => undefined,
    )
    const chunk = Buffer.from('a\n!b\nc\n!d')
    expect(reader.push(chunk, 0)).toBe(5)
    expect(seen).toEqual(['a', '!b'])
    expect(reader.push(chunk, 5)).toBe(chunk.length)
    const next = Buffer.from('e\nf\n')
    expect(reader.push(next, 0)).toBe(2)
    expect(seen).toEqual(['a', '!b', 'c', '!de'])
    expect(reader.push(next, 2)).toBe(4)
    expect(seen.at(-1)).toBe('f')
  })
})
