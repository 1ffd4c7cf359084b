import { describe, expect, it, vi } from 'vitest'
import { connectRedis } from './client.ts'

const answer = async (...args: unknown[]): Promise<unknown> => args

describe('a connection over ioredis', () => {
  it('sends commands as they are, to one server that is given up on demand', async () => {
    const client = { call: answer, disconnect: vi.fn() }
    const connection = connectRedis(client)
    expect(connection.sharded).toBe(false)
    expect(await connection.send('key', 'SET', ['key', '1'])).toEqual(['SET', ['key', '1']])
    expect(await connection.broadcast('INFO', ['all'])).toEqual([['INFO', ['all']]])
    connection.reconnect?.()
    expect(client.disconnect.mock.calls).toEqual([[true]])
    expect(client.disconnect.mock.contexts).toEqual([client])
  })

  it('to a cluster asks every master, and gives up none', async () => {
    const nodes = vi.fn((role: string) =>
      ['a', 'b'].map((name) => ({ call: async (command: string) => [name, role, command] })),
    )
    const client = { call: answer, nodes, disconnect: vi.fn() }
    const connection = connectRedis(client)
    expect(connection.sharded).toBe(true)
    expect(await connection.send('key', 'GET', ['key'])).toEqual(['GET', ['key']])
    expect(await connection.broadcast('INFO', [])).toEqual([
      ['a', 'master', 'INFO'],
      ['b', 'master', 'INFO'],
    ])
    expect(nodes.mock.contexts).toEqual([client])
    expect(connection.reconnect).toBeUndefined()
    expect(connectRedis({ call: answer }).reconnect).toBeUndefined()
  })

  it('rejects where the client throws', async () => {
    const connection = connectRedis({
      call() {
        throw new Error('closed')
      },
    })
    await expect(connection.send('key', 'GET', ['key'])).rejects.toThrow('closed')
  })
})

describe('a connection over node-redis', () => {
  it('sends a command with its arguments, to one server', async () => {
    const connection = connectRedis({ sendCommand: answer })
    expect(connection.sharded).toBe(false)
    expect(await connection.send('key', 'SET', ['key', '1'])).toEqual([['SET', 'key', '1']])
    expect(await connection.broadcast('INFO', ['all'])).toEqual([['INFO', 'all']])
    expect(connection.reconnect).toBeUndefined()
  })

  it('to a cluster sends a command to the master of its key, and asks every master', async () => {
    const connection = connectRedis({
      sendCommand: answer,
      masters: ['a', 'b'],
      nodeClient: async (node: unknown) => ({ sendCommand: async (args: string[]) => [node, args] }),
    })
    expect(connection.sharded).toBe(true)
    expect(await connection.send('key', 'SET', ['key', '1'])).toEqual(['key', false, ['SET', 'key', '1']])
    expect(await connection.broadcast('INFO', ['all'])).toEqual([
      ['a', ['INFO', 'all']],
      ['b', ['INFO', 'all']],
    ])
  })

  it('rejects where the client throws', async () => {
    const broken = () => {
      throw new Error('closed')
    }
    await expect(connectRedis({ sendCommand: broken }).send('key', 'GET', [])).rejects.toThrow('closed')
    const cluster = connectRedis({ sendCommand: broken, masters: [], nodeClient: broken })
    await expect(cluster.send('key', 'GET', [])).rejects.toThrow('closed')
  })
})
