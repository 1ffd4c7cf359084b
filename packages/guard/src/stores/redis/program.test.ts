import { describe, expect, it } from 'vitest'
import type { RedisConnection } from './client.ts'
import { createRedisProgram } from './lua.ts'
import { createProgramCaller } from './program.ts'

const program = createRedisProgram()

/** What a server that is asked knows and allows; `asked` is what it was sent, in order. */
function createServer(refuses: Readonly<Record<string, string>> = {}) {
  const asked: string[] = []
  const server = { hasLibrary: false, hasScript: false, refuses: { ...refuses } }
  const failUnless = (isKnown: boolean, message: string): void => {
    if (!isKnown) throw new Error(message)
  }
  const answers: Readonly<Record<string, (first: string | undefined, rest: readonly string[]) => unknown>> = {
    FCALL(name, rest) {
      failUnless(server.hasLibrary, 'ERR Function not found')
      return { name, rest }
    },
    FUNCTION(word, rest) {
      failUnless([word, ...rest].join(' ') === `LOAD REPLACE ${program.library}`, 'ERR of the library')
      server.hasLibrary = true
      return program.name
    },
    EVALSHA(name, rest) {
      failUnless(name === program.sha && server.hasScript, 'NOSCRIPT No matching script')
      return { name, rest }
    },
    EVAL(name, rest) {
      failUnless(name === program.script, 'ERR of the script')
      server.hasScript = true
      return { name, rest }
    },
  }
  const answer = (command: string, [first, ...rest]: readonly string[]): unknown => {
    asked.push(command)
    const refusal = server.refuses[command]
    if (refusal !== undefined) throw new Error(refusal)
    return answers[command]?.(first, rest)
  }
  const sentTo: string[] = []
  const connection: RedisConnection = {
    sharded: false,
    send: async (key, command, args) => {
      sentTo.push(key)
      return answer(command, args)
    },
    broadcast: async (command, args) => answer(command, args),
  }
  return { server, asked, sentTo, call: createProgramCaller(connection, program) }
}

describe('the program of a Redis store', () => {
  it('is called as a function, with its keys and arguments, on the server of the first key', async () => {
    const { server, asked, sentTo, call } = createServer()
    server.hasLibrary = true
    expect(await call(['a', 'b'], ['row', '0'])).toEqual({ name: program.name, rest: ['2', 'a', 'b', 'row', '0'] })
    expect([asked, sentTo]).toEqual([['FCALL'], ['a']])
  })

  it('is loaded once into a fresh server however many calls wait for it, and each of them is answered', async () => {
    const { asked, sentTo, call } = createServer()
    const answers = await Promise.all(['a', 'b', 'c'].map((key) => call([key], ['row'])))
    expect(answers).toEqual(['a', 'b', 'c'].map((key) => ({ name: program.name, rest: ['1', key, 'row'] })))
    expect(asked.filter((command) => command === 'FUNCTION')).toHaveLength(1)
    expect(sentTo.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  })

  it('is loaded again into a server that has lost it', async () => {
    const { server, asked, call } = createServer()
    await call(['a'], [])
    server.hasLibrary = false
    await call(['a'], [])
    expect(asked).toEqual(['FCALL', 'FUNCTION', 'FCALL', 'FCALL', 'FUNCTION', 'FCALL'])
  })

  it.each([
    ['does not know functions', { FCALL: "ERR unknown command 'FCALL'" }, ['FCALL']],
    ['lets this user call none', { FCALL: 'NOPERM this user has no permissions' }, ['FCALL']],
    ['lets this user load none', { FUNCTION: 'NOPERM this user has no permissions' }, ['FCALL', 'FUNCTION']],
    ['knows no libraries', { FUNCTION: "ERR unknown subcommand 'LOAD'" }, ['FCALL', 'FUNCTION']],
  ])('is called as a script, from then on, where the server %s', async (_, refuses, first) => {
    const { server, asked, sentTo, call } = createServer(refuses)
    expect(await call(['a'], ['row'])).toEqual({ name: program.script, rest: ['1', 'a', 'row'] })
    expect(asked).toEqual([...first, 'EVALSHA', 'EVAL'])
    expect(await call(['a'], ['row'])).toEqual({ name: program.sha, rest: ['1', 'a', 'row'] })
    server.hasScript = false
    await call(['a'], ['row'])
    expect(asked.slice(first.length + 2)).toEqual(['EVALSHA', 'EVALSHA', 'EVAL'])
    expect(new Set(sentTo)).toEqual(new Set(['a']))
  })

  it.each([
    ['FCALL', 'OOM command not allowed', ['FCALL']],
    ['FCALL', 'no: ERR Function not found', ['FCALL']],
    ['FUNCTION', 'ERR out of memory', ['FCALL', 'FUNCTION']],
    ['FUNCTION', 'after all: NOPERM', ['FCALL', 'FUNCTION']],
  ])(
    'fails as its server does when %s is refused by "%s", and is tried as it was the next time',
    async (command, refusal, sent) => {
      const { server, asked, call } = createServer({ [command]: refusal })
      await expect(call(['a'], [])).rejects.toThrow(refusal)
      expect(asked).toEqual(sent)
      server.refuses = {}
      await call(['a'], [])
      expect(asked[sent.length]).toBe('FCALL')
    },
  )

  it.each(['OOM command not allowed', 'it says NOSCRIPT'])(
    'fails as its server does when a script is refused by "%s"',
    async (refusal) => {
      const { asked, call } = createServer({ FCALL: 'NOPERM', EVALSHA: refusal })
      await expect(call(['a'], [])).rejects.toThrow(refusal)
      expect(asked).toEqual(['FCALL', 'EVALSHA'])
    },
  )

  it('does not take what is no error for an answer of the server', async () => {
    const failing: RedisConnection = {
      sharded: false,
      send: () => Promise.reject('ERR Function not found'),
      broadcast: async () => 'loaded',
    }
    await expect(createProgramCaller(failing, program)(['a'], [])).rejects.toBe('ERR Function not found')
  })
})
