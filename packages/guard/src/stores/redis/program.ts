import type { RedisConnection } from './client.ts'
import type { RedisProgram } from './lua.ts'

/** Calls the program on the server that holds the keys. */
export type CallProgram = (keys: readonly string[], args: readonly string[]) => Promise<unknown>

/**
 * Calls the program as a function of a library. Where the library is missing, as on a fresh server or
 * after FUNCTION FLUSH, it is loaded and the call sent again; where functions are forbidden or unknown,
 * it is called as a script, which is sent whole to a server that does not have it.
 */
export function createProgramCaller(connection: RedisConnection, program: RedisProgram): CallProgram {
  let asFunction = true
  let loading: Promise<unknown> | undefined

  const load = (): Promise<unknown> => {
    loading ??= connection.broadcast('FUNCTION', ['LOAD', 'REPLACE', program.library]).finally(() => {
      loading = undefined
    })
    return loading
  }
  const callScript = async (first: string, rest: string[]): Promise<unknown> => {
    try {
      return await connection.send(first, 'EVALSHA', [program.sha, ...rest])
    } catch (error) {
      if (!isReply(error, /^NOSCRIPT/)) throw error
      return connection.send(first, 'EVAL', [program.script, ...rest])
    }
  }
  const callLoaded = async (first: string, rest: string[]): Promise<unknown> => {
    try {
      await load()
    } catch (error) {
      if (!isReply(error, noFunctions)) throw error
      asFunction = false
      return callScript(first, rest)
    }
    return connection.send(first, 'FCALL', [program.name, ...rest])
  }

  return (keys, args) => {
    const [first = ''] = keys
    const rest = [String(keys.length), ...keys, ...args]
    if (!asFunction) return callScript(first, rest)
    return connection.send(first, 'FCALL', [program.name, ...rest]).catch((error: unknown) => {
      if (isReply(error, /^ERR Function not found/i)) return callLoaded(first, rest)
      if (!isReply(error, noFunctions)) throw error
      asFunction = false
      return callScript(first, rest)
    })
  }
}

/** What servers say that have no functions, or let this user have none. */
const noFunctions = /^(?:ERR unknown (?:command|subcommand)|NOPERM)/i

function isReply(error: unknown, pattern: RegExp): boolean {
  return error instanceof Error && pattern.test(error.message)
}
