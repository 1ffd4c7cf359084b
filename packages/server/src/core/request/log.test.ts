import { expect, it } from 'vitest'
import { createLogger, type RequestLine } from '../logging/logging.ts'
import { createRequestLog } from './log.ts'

const line: RequestLine = {
  requestId: '01a1fb2d-c8e3-7dc8-8b09-225527864e2d',
  method: 'POST',
  route: '/api/v1/leads/forms/:formId/submit',
  status: 201,
  durationMs: 2.99,
  fpPrefix: 'a01ea3a6',
  tenantId: '01a1fb2d-babc-71aa-a78d-3528513c60da',
  actorId: undefined,
  traceId: undefined,
  clientIp: undefined,
  note: null,
}

function written(input: RequestLine, level = 'info'): string[] {
  const lines: string[] = []
  createRequestLog(createLogger({ level, destination: { write: (text) => void lines.push(text) } }), 1_000)(input)
  return lines
}

const parsed = (input: RequestLine) => JSON.parse(written(input)[0] ?? '')

it('writes one line of JSON with the fields that have a value, and nothing else', () => {
  const { time, ...rest } = parsed(line)
  const { actorId, traceId, clientIp, note, ...present } = line
  expect([actorId, traceId, clientIp, note]).toEqual([undefined, undefined, undefined, null])
  expect(rest).toEqual({ level: 'info', ...present, msg: 'request' })
  expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(5_000)
  expect(written(line)[0]).toMatch(/^[^\n]+\n$/)
})

it('writes the rarer fields when there are any', () => {
  const rare = { actorId: 'key', traceId: 'fa862f639407dbeb2c1989220ca428de', clientIp: '2001:db8::' }
  const note = {
    formSlug: 'demo',
    leadId: 'id',
    messageId: 'm',
    fate: 'stored',
    reasonBlocked: 'quota',
    problem: 'p',
  } as const
  expect(parsed({ ...line, ...rare, note })).toMatchObject({ ...rare, ...note })
  expect(parsed({ ...line, tenantId: undefined })).not.toHaveProperty('tenantId')
})

it('has no place for what is not listed', () => {
  const sneaked = { ...line, email: 'ada@example.org', url: '/x?y', note: { formSlug: 'demo', body: 'secret' } }
  expect(written(sneaked).join('')).not.toMatch(/ada@|secret|x\?y/)
})

it('warns of a slow request', () => {
  expect(parsed({ ...line, durationMs: 1_000 })).toMatchObject({ level: 'warn', msg: 'slow request' })
})

it('keeps to the level of its logger', () => {
  expect(written(line, 'warn')).toEqual([])
  expect(written({ ...line, durationMs: 5_000 }, 'warn')).toHaveLength(1)
  expect(written({ ...line, durationMs: 5_000 }, 'error')).toEqual([])
})

const odd = ['a"b', 'a\\', 'a\nb', 'a\u2028b', 'a\u001b[31m', 'é', '\ud800']
it.each(odd)('keeps %j in one line of JSON that says the same', (reasonBlocked) => {
  const [text = ''] = written({ ...line, note: { reasonBlocked } })
  expect(text).toMatch(/^[\x20-\x7e]+\n$/)
  expect(JSON.parse(text).reasonBlocked).toBe(reasonBlocked)
})

it('cuts a text at 256 characters', () => {
  expect(parsed({ ...line, note: { reasonBlocked: 'x'.repeat(10_000) } }).reasonBlocked).toHaveLength(256)
})

it('says which of several processes answered, where the logger has a number for it', () => {
  const lines: string[] = []
  const log = createLogger({ level: 'info', destination: { write: (text) => void lines.push(text) } })
  createRequestLog(log.child({ worker: 2 }), 1_000)(line)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ worker: 2, msg: 'request', requestId: line.requestId })
  expect(parsed(line)).not.toHaveProperty('worker')
})
