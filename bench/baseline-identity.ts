import { type Argon2Parameters, argon2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import fastify from 'fastify'
import pg from 'pg'

/**
 * The contenders of bench/identity.ts: a plain Fastify handler that reads one row by its key for anybody, and one that
 * computes one Argon2id. Neither protects anything.
 */
const pool = new pg.Pool({
  host: process.env['BENCH_DB_HOST'],
  port: Number(process.env['BENCH_DB_PORT']),
  user: 'rempart_app',
  database: 'rempart',
  max: 10,
})
const computeArgon2 = promisify((parameters: Argon2Parameters, done: (error: Error | null, tag: Buffer) => void) =>
  argon2('argon2id', parameters, done),
)

const app = fastify()
app.get('/health', async () => ({ status: 'ok' }))
app.get<{ Params: { id: string } }>('/messages/:id', async (request) => {
  const found = await pool.query({
    name: 'read',
    text: 'select id, name, email, message, created_at from bench_message where id = $1',
    values: [request.params.id],
  })
  return found.rows[0]
})
app.post<{ Body: { password: string } }>('/hash', async (request) => {
  const message = Buffer.from(request.body.password)
  const tag = await computeArgon2({
    message,
    nonce: randomBytes(16),
    memory: 19_456,
    passes: 2,
    parallelism: 1,
    tagLength: 32,
  })
  return { length: tag.length }
})
await app.listen({ port: Number(process.env['BENCH_PORT']), host: '127.0.0.1' })
process.once('SIGTERM', () => process.exit(0))
