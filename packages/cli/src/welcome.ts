import { resolve } from 'node:path'
import type { Config } from '@rempart/server'
import type { RunningServer } from '@rempart/server/serve'
import { words } from './words.ts'

/** What to try first, ready to paste. */
export function welcome(
  server: Pick<RunningServer, 'url' | 'database' | 'ownerLink'>,
  config: Pick<Config, 'demo' | 'embedded' | 'defaultTenant' | 'dataDir'>,
): string {
  const { welcome: say } = words
  const { version, origin } = server.database
  return [
    '',
    say.answers(server.url),
    `${say.database(version, origin)}${config.embedded ? say.keptIn(config.dataDir) : ''}`,
    ...(server.ownerLink === undefined ? [] : ['', say.owner, `  ${server.ownerLink}`]),
    ...(isDemoThere(config) ? firstSteps(server.url, config) : []),
    '',
    say.stop,
    '',
  ]
    .map((line) => (line === '' ? line : `  ${line}`))
    .join('\n')
}

/** The demo is made on an embedded database alone, and where nobody has turned it off. */
const isDemoThere = ({ demo, embedded, defaultTenant }: Pick<Config, 'demo' | 'embedded' | 'defaultTenant'>): boolean =>
  demo === 'on' && embedded && defaultTenant === 'demo'

function firstSteps(url: string, config: Pick<Config, 'dataDir'>): readonly string[] {
  const { welcome: say } = words
  const answers = '{"fullName":"Ada Lovelace","projectType":"website","details":"A site for an engine.","consent":true}'
  // The command finds the same database when it is told the same directory.
  const place = config.dataDir === resolve('./data') ? '' : `REMPART_DATA_DIR='${config.dataDir}' `
  return [
    '',
    say.browser(`${url}/f/demo`),
    '',
    say.first,
    `  curl ${url}/api/v1/health/ready`,
    `  curl -i ${url}/api/v1/contact -H 'content-type: application/json' \\`,
    `    -d '{"name":"Ada","email":"ada@example.org","message":"Hello"}'`,
    '',
    say.form,
    `  FORM=$(curl -s ${url}/api/v1/forms/public/demo); sleep 3`,
    `  SUBMIT=$(echo "$FORM" | sed -E 's/.*"submitUrl":"([^"]+)".*/\\1/')`,
    `  TOKEN=$(echo "$FORM" | sed -E 's/.*"renderToken":"([^"]+)".*/\\1/')`,
    `  curl -i ${url}$SUBMIT -H 'content-type: application/json' \\`,
    `    -d '{"email":"ada@example.org","renderToken":"'$TOKEN'","data":${answers}}'`,
    '',
    say.gate,
    `  curl -i ${url}/api/v1/gate125/register -H 'content-type: application/json' -d '{"email":"ada@example.org"}'`,
    `  curl ${url}/api/v1/resources`,
    '',
    say.read,
    `  KEY=$(${place}npm run -s rempart -- api-key create --name try --scopes contact:read,leads:read,gates:read)`,
    `  curl ${url}/api/v1/contact/messages -H "authorization: Bearer $KEY"`,
    `  curl ${url}/api/v1/leads -H "authorization: Bearer $KEY"`,
    `  curl ${url}/api/v1/leads/export -H "authorization: Bearer $KEY" -o leads.csv`,
    `  curl ${url}/api/v1/gates/gate125/registrations -H "authorization: Bearer $KEY"`,
  ]
}
