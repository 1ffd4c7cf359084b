import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientIpForLog, createLogger } from './logging.ts'

function record(level = 'trace') {
  const chunks: string[] = []
  const log = createLogger({ level, destination: { write: (chunk: string) => chunks.push(chunk) } })
  return { log, text: () => chunks.join(''), lines: () => chunks.join('').split('\n').filter(Boolean) }
}

function logged(write: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown> {
  const { log, lines } = record()
  write(log)
  return JSON.parse(lines()[0] ?? 'null')
}

describe('a line', () => {
  it('is one JSON object with its level in words and its time in RFC 3339', () => {
    const written = logged((log) => log.warn({ attempt: 2, ok: true, nothing: null }, 'retried'))
    expect(written).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      attempt: 2,
      ok: true,
      nothing: null,
      msg: 'retried',
    })
    expect(Math.abs(Date.now() - Date.parse(String(written['time'])))).toBeLessThan(5000)
  })

  it('names a signing key, which everybody may read, and no secret of the same form', () => {
    const thumbprint = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
    const written = logged((log) =>
      log.info({ kid: thumbprint, other: thumbprint, deep: { kid: thumbprint } }, thumbprint),
    )
    expect(written).toMatchObject({ kid: thumbprint, other: '[token]', deep: { kid: thumbprint }, msg: '[token]' })
    const long = `${thumbprint}.${thumbprint}.ada@example.org`
    expect(JSON.stringify(logged((log) => log.info({ kid: long }, 'x')))).not.toMatch(/NzbL|ada@/)
  })

  it('reads no directive of a format in a text', () => {
    const text = '%s %d %j %o %O %c %% of a visitor'
    expect(logged((log) => log.info({ question: text }, text))).toMatchObject({ question: text, msg: text })
    expect(logged((log) => log.info(text))).toMatchObject({ msg: text })
  })

  it('is not written below the level', () => {
    const { log, text } = record('warn')
    log.info('quiet')
    expect(text()).toBe('')
  })

  it('cannot be forged, whatever a visitor puts in a value, a name or a text', () => {
    const hostile = fc.string({
      unit: fc.oneof(
        fc.constantFrom(
          '\r',
          '\n',
          '\u001b[2J',
          '\u009b31m',
          '\u2028',
          '\u202e',
          '"',
          '\\',
          '}',
          '{"level":"fatal"}',
          '\0',
        ),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
      ),
      maxLength: 60,
    })
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const { log, text } = record()
        log.info({ [`x${first}`]: second, nested: { list: [second] } }, first)
        log.child({ bound: second }).error(new Error(first))
        const written = text()
        expect(written.endsWith('\n')).toBe(true)
        expect(written.slice(0, -1).split('\n')).toHaveLength(2)
        for (const each of written.slice(0, -1).split('\n')) expect(JSON.parse(each)).toHaveProperty('level')
        expect(written).not.toMatch(/[^\P{Cc}\n]|[\u2028-\u202e\u2066-\u2069]/u)
      }),
      { numRuns: 500 },
    )
  })
})

describe('personal data and secrets', () => {
  const secret = 'S3cr3t-and-personal'
  const names = ['email', 'message', 'name', 'phone', 'body', 'authorization', 'cookie', 'set-cookie', 'renderToken']
  const spellings = [
    'Authorization',
    'X-Api-Key',
    'idempotency-key',
    'contactEmail',
    'client_secret',
    'accessToken',
    'user-agent',
    'ip',
  ]

  it.each([...names, ...spellings, 'url', 'query', 'headers', 'params', 'password', 'PASSWORD', 'apiKey'])(
    'are not written under the name %s, at any depth',
    (name) => {
      const { log, text } = record()
      log.info({ [name]: secret }, 'top')
      log.info({ a: { [name]: { inner: secret } } }, 'nested')
      log.info({ a: [{ b: { [name]: [secret] } }] }, 'deep')
      expect(text()).not.toContain(secret)
      expect(text().match(/\[redacted\]/g)).toHaveLength(3)
    },
  )

  it.each(names)('are not written by a child that carries %s', (name) => {
    const { log, text } = record()
    log.child({ [name]: secret }).info('from a child')
    expect(text()).not.toContain(secret)
  })

  it.each([
    'mail from ada.lovelace@example.org refused',
    'connect postgres://rempart:ada.lovelace@db:5432/x',
    'GET https://hooks.example/x?key=ada.lovelace&b=1 failed',
    'Authorization: Bearer ada.lovelace',
    'key rmp_ada.lovelace_0123456789abcdefABCDEF0123456789 unknown',
  ])('are taken out of the text: %s', (text) => {
    const written = logged((log) => log.info({ note: text }, text))
    expect(written['msg']).not.toMatch(/ada\.lovelace(?!_)|0123456789abcdef/)
    expect(written['note']).toBe(written['msg'])
  })

  it('and what is not personal stays: ids, names of code, questions', () => {
    for (const text of [
      'tenant 0198f6a0-1111-7222-8333-444455556666 created',
      'violates unique constraint "submission_tenant_id_idempotency_key_key"',
      'is the database there?',
    ]) {
      expect(logged((log) => log.info(text))['msg']).toBe(text)
    }
  })

  it('are not dumped with a request, a reply, or any object of a class', () => {
    class Client {
      password = secret
    }
    const request = {
      method: 'GET',
      url: `/x?token=${secret}`,
      headers: { cookie: secret },
      ip: secret,
      routeOptions: { url: '/x' },
    }
    const { log, text, lines } = record()
    log.info({ req: request, res: { statusCode: 204, headers: { 'set-cookie': secret } } }, 'request')
    log.info({ client: new Client(), list: [new Client()], map: new Map([[1, secret]]) }, 'objects')
    log.child({ req: request }).info('bound')
    expect(text()).not.toContain(secret)
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ req: { method: 'GET', route: '/x' }, res: { status: 204 } })
    expect(JSON.parse(lines()[1] ?? '')).toMatchObject({ client: '[Client]', list: ['[Client]'], map: '[Map]' })
    expect(JSON.parse(lines()[2] ?? '')).toMatchObject({ req: { method: 'GET', route: '/x' } })
  })

  it('survives an object that holds itself, and one that is endless', () => {
    const self: Record<string, unknown> = { list: Array.from({ length: 10_000 }, (_, n) => ({ n })) }
    self['self'] = self
    const { log, lines, text } = record()
    log.info(self, 'circular')
    expect(lines()).toHaveLength(1)
    expect(text().length).toBeLessThan(100_000)
  })
})

describe('an error', () => {
  const databaseError = (code: string, message: string) =>
    Object.assign(new Error(message), {
      name: 'error',
      severity: 'ERROR',
      code,
      detail: 'Key (email)=(ada@example.org) already exists.',
      where: "unnamed portal parameter $1 = 'ada'",
      hint: 'ada',
      parameters: ['ada'],
      internalQuery: "select 'ada'",
      schema: 'public',
      table: 'lead',
      constraint: 'lead_email_key',
      routine: '_bt_check_unique',
    })

  it('of PostgreSQL keeps what names code and schema, and loses what quotes a row', () => {
    const error = databaseError('23505', 'duplicate key value violates unique constraint "lead_email_key"')
    const { err } = logged((log) => log.error({ err: error }, 'insert failed'))
    expect(err).toEqual({
      type: 'error',
      message: 'duplicate key value violates unique constraint "lead_email_key"',
      stack: expect.stringMatching(/^ {4}at /),
      code: '23505',
      severity: 'ERROR',
      schema: 'public',
      table: 'lead',
      constraint: 'lead_email_key',
      routine: '_bt_check_unique',
    })
  })

  const forms: [string, (log: ReturnType<typeof createLogger>, error: Error) => void][] = [
    ['alone', (log, error) => log.error(error)],
    ['as err', (log, error) => log.error({ err: error })],
    ['as err with a text', (log, error) => log.error({ err: error }, 'failed')],
    ['under another name', (log, error) => log.error({ reason: error }, 'failed')],
    ['nested', (log, error) => log.error({ job: { failure: [error] } }, 'failed')],
    ['bound to a child', (log, error) => log.child({ err: error }).error('failed')],
    ['as a cause', (log, error) => log.error(new Error('outer', { cause: error }))],
    ['among others', (log, error) => log.error(new AggregateError([error], 'several'))],
  ]

  it.each(forms)('says nothing of the data it quotes, logged %s', (_, write) => {
    const { log, text } = record()
    write(log, databaseError('22P02', 'invalid input syntax for type uuid: "ada "quoted" lovelace"'))
    write(log, databaseError('22001', 'value too long: "ada"'))
    write(log, databaseError('XX000', 'cannot send to ada@example.org'))
    try {
      JSON.parse('{"email":ada@example.org}')
    } catch (error) {
      if (error instanceof Error) write(log, error)
    }
    expect(text()).not.toContain('ada')
    expect(text().split('\n').filter(Boolean)).toHaveLength(4)
  })

  it('keeps the frames of its stack without its message, which may have many lines', () => {
    const error = new Error('secret line\n    not a frame')
    const { err } = logged((log) => log.error(error, 'failed'))
    const { stack } = err as { stack: string }
    expect(stack).toMatch(/logging\.test\.ts/)
    for (const frame of stack.split('\n')) expect(frame).toMatch(/^ {4}at /)
  })

  it('keeps its class when its name says nothing, and its causes three deep', () => {
    class StoreDown extends Error {}
    const deep = [1, 2, 3, 4, 5].reduce<Error>((cause, n) => new StoreDown(`level ${n}`, { cause }), new Error('root'))
    const { err } = logged((log) => log.error({ err: deep }, 'failed'))
    expect(err).toMatchObject({
      type: 'StoreDown',
      message: 'level 5',
      cause: { cause: { cause: { message: 'level 2' } } },
    })
    expect(JSON.stringify(err)).not.toContain('level 1')
  })
})

describe('clientIpForLog', () => {
  it.each([
    ['203.0.113.9', '203.0.113.0', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.0', '203.0.113.9'],
    ['2001:DB8:abcd:12::1', '2001:db8:abcd::', '2001:db8:abcd:12::1'],
    ['2001:db8::1', '2001:db8::', '2001:db8::1'],
    ['1::2:3:4:5:6:7', '1:0:2::', '1:0:2:3:4:5:6:7'],
    ['::1', '::', '::1'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8::', '2001:db8:0:1:2:3:4:5'],
  ])('gives the network or the whole of %s', (address, network, whole) => {
    expect(clientIpForLog('none', address)).toBeUndefined()
    expect(clientIpForLog('truncated', address)).toBe(network)
    expect(clientIpForLog('full', address)).toBe(whole)
  })

  it.each(['', 'unknown', 'fe80::1%eth0', '1.2.3', '203.0.113.9, 10.0.0.1', '203.0.113.9\n{}'])(
    'gives nothing of %j',
    (address) => {
      expect(clientIpForLog('full', address)).toBeUndefined()
      expect(clientIpForLog('truncated', address)).toBeUndefined()
    },
  )
})

describe('standard output', () => {
  it('gets JSON when it is no terminal, even where pretty lines are asked for, and loses none at exit', async () => {
    const module = new URL('./logging.ts', import.meta.url).href
    const script = `import { createLogger } from ${JSON.stringify(module)}
      const log = createLogger({ level: 'info', pretty: true })
      for (let n = 0; n < 5000; n += 1) log.info({ n }, 'counted')
      process.exitCode = 0`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    const written = stdout.trimEnd().split('\n')
    expect(written).toHaveLength(5000)
    expect(JSON.parse(written.at(-1) ?? '')).toMatchObject({ n: 4999, msg: 'counted' })
  })

  it('gets lines for people on a terminal, which a value still cannot forge or colour', async () => {
    const module = new URL('./logging.ts', import.meta.url).href
    const script = `import { createLogger } from ${JSON.stringify(module)}
      process.stdout.isTTY = true
      const log = createLogger({ level: 'info', pretty: true })
      log.error({ slug: 'a\\u001b[2J\\u009b2J\\\\\\u001b[3J\\r' }, 'first\\nFATAL: forged\\u001b[2J')
      log.error(new Error('failed'))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    expect(stdout).toMatch(/ERROR/)
    expect(stdout).toMatch(/first FATAL: forged\\u001b\[2J/)
    expect(stdout).toMatch(/^ {4,}at /m)
    for (const obeyed of ['\u001b[2J', '\u001b[3J', '\u009b', '\r', '\nFATAL']) expect(stdout).not.toContain(obeyed)
  })
})
