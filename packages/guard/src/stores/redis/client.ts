/** An ioredis `Redis`, connected to one server or through Sentinel, or its `Cluster`. */
export interface IoredisClient {
  call(command: string, args: string[]): Promise<unknown>
  /** Each server of a `Cluster` of that role. */
  nodes?(role: 'master'): readonly Pick<IoredisClient, 'call'>[]
  disconnect?(reconnect: boolean): void
}

/** A node-redis client of one server, or its cluster. */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>
}

/** A node-redis cluster. */
export interface NodeRedisCluster {
  sendCommand(firstKey: string | undefined, isReadonly: boolean | undefined, args: string[]): Promise<unknown>
  readonly masters: readonly unknown[]
  nodeClient(node: never): NodeRedisClient | Promise<NodeRedisClient>
}

/** A client of ioredis 5 or later, or of node-redis 4 or later. Nothing else of it is used. */
export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster

/** What the store asks of whichever client it was given. */
export interface RedisConnection {
  /** Whether keys are spread over servers, so that a call may touch one hash slot only. */
  readonly sharded: boolean
  /** Sends a command to the server that holds a key. */
  send(key: string, command: string, args: string[]): Promise<unknown>
  /** Sends a command to every server that is written to. */
  broadcast(command: string, args: string[]): Promise<unknown>
  /** Gives up the connection and makes another; absent where the client cannot. */
  reconnect?(): void
}

/** Puts either client behind one face. A client that throws has not answered. */
export function connectRedis(client: RedisClient): RedisConnection {
  if ('call' in client) return overIoredis(client)
  return 'masters' in client ? overNodeRedisCluster(client) : overNodeRedis(client)
}

function overIoredis(client: IoredisClient): RedisConnection {
  const { nodes, disconnect } = client
  const masters = (): readonly Pick<IoredisClient, 'call'>[] => nodes?.call(client, 'master') ?? [client]
  return {
    sharded: nodes !== undefined,
    send: async (_, command, args) => client.call(command, args),
    broadcast: (command, args) => Promise.all(masters().map((node) => node.call(command, args))),
    // A cluster gives up single servers by itself.
    ...(nodes === undefined && disconnect !== undefined && { reconnect: () => disconnect.call(client, true) }),
  }
}

function overNodeRedis(client: NodeRedisClient): RedisConnection {
  const send = async (command: string, args: string[]): Promise<unknown> => client.sendCommand([command, ...args])
  return { sharded: false, send: (_, command, args) => send(command, args), broadcast: send }
}

function overNodeRedisCluster(cluster: NodeRedisCluster): RedisConnection {
  return {
    sharded: true,
    send: async (key, command, args) => cluster.sendCommand(key, false, [command, ...args]),
    broadcast: (command, args) =>
      Promise.all(
        cluster.masters.map(async (node) => {
          // The nodes are the cluster's own, of a type that only it knows.
          const client = await cluster.nodeClient(node as never)
          return client.sendCommand([command, ...args])
        }),
      ),
  }
}
