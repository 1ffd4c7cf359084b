import type { Config, RunningServer } from '@rempart/server'

/** What to try first, ready to paste. */
export function welcome(server: RunningServer, config: Config): string {
  const { url } = server
  const lines = [
    '',
    `  Rempart answers at ${url}`,
    `  Database: PostgreSQL ${server.database.version} (${server.database.origin})${config.embedded ? `, kept in ${config.dataDir}` : ''}`,
  ]
  if (config.defaultTenant === 'demo') {
    lines.push(
      '',
      '  Try:',
      `    curl ${url}/api/v1/health/ready`,
      `    curl -i ${url}/api/v1/contact -H 'content-type: application/json' \\`,
      `      -d '{"name":"Ada","email":"ada@example.org","message":"Hello"}'`,
    )
  }
  lines.push('', `  Stop with Ctrl-C. Everything that was acknowledged is on disk.`, '')
  return lines.join('\n')
}
