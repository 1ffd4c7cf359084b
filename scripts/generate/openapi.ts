import { version } from '../../packages/server/src/start.ts'
import { readUnconnected } from '../../packages/server/src/unconnected-server.ts'

/** The OpenAPI document of the server that the code builds. */
export async function openApiDocument(): Promise<string> {
  const document = await readUnconnected(version, (app) => JSON.stringify(app.swagger(), null, 2))
  return `${document}\n`
}
