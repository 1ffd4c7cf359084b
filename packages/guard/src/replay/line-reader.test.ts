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

  it('that are left for later come again, from the chunk they lie in or across two', () => {
    const taken: string[] = []
    let isOpen = false
    const reader = createLineReader(
      (bytes, _view, start, end) => {
        const line = bytes.toString('latin1', start, end)
        if (line.startsWith('!') && !isOpen) return false
        taken.push(line)
        return true
      },
      () => undefined,
    )
    const push = (text: string, from: number, open: boolean): number => {
      isOpen = open
      return reader.push(Buffer.from(text), from)
    }
    const first = 'a\n!b\nc\n!d'
    expect(push(first, 0, false)).toBe(2)
    expect(push(first, 2, false)).toBe(2)
    expect(taken).toEqual(['a'])
    expect(push(first, 2, true)).toBe(first.length)
    const second = 'e\n!f\n'
    expect(push(second, 0, false)).toBe(2)
    expect(push(second, 2, false)).toBe(2)
    expect(taken).toEqual(['a', '!b', 'c'])
    expect(push(second, 2, true)).toBe(second.length)
    reader.end()
    expect(taken).toEqual(['a', '!b', 'c', '!de', '!f'])
  })
})
