import { type InventoryTable, impersonalTables, inventory } from '../../packages/server/src/core/privacy/inventory.ts'
import { otherSchemas } from '../../packages/server/src/database/classification.ts'

/** The reference page of personal data, from the classification that export and erasure go by. */
export function personalDataReference(): string {
  return [
    '# Personal data',
    '',
    'Generated from `packages/server/src/database/classification/` by `npm run generate`; do not edit.',
    '',
    'Every table that holds something about people: what for, for how long, and, column by column, whether an export shows it and what erasure does with it. The export (`GET /api/v1/gdpr/export`), erasure and this page are made from the same table, and a column that is in none of them fails the build. What each word means:',
    '',
    '- **about**: `identity` who somebody is; `credential` what proves it; `device` where and with what they come; `activity` what they did and when; `content` what they wrote, or was written about them; `pseudonym` an id or keyed hash that names nobody by itself; `–` nothing about a person.',
    '- **erasure**: `delete` the row goes; `anonymise` the row stays and holds a placeholder; `shred` the key that makes the value readable is destroyed; `keep` it stays, for the reason given.',
    '- **found by**: `account` the column holds the id of an account; `email` an address that the person has proved to be theirs; `recipient` a keyed hash of it; an arrow: the row of a parent that was found.',
    '',
    ...inventory().flatMap(section),
    '## Nothing about people',
    '',
    `${impersonalTables()
      .map((name) => `\`${name}\``)
      .join(', ')}.`,
    '',
    ...Object.entries(otherSchemas).map(([name, reason]) => `- Schema \`${name}\`: ${reason}.`),
    '',
    'Outside the database: without a mail server, mails are files in the data directory (`mailbox/`); erasure removes those of the person. Logs hold no personal data.',
    '',
  ].join('\n')
}

function section({ table, title, purpose, retention, foundBy, columns }: InventoryTable): string[] {
  const reasons = new Map<string, readonly string[]>()
  for (const { column, legal } of columns) {
    if (legal !== null) reasons.set(legal, [...(reasons.get(legal) ?? []), `\`${column}\``])
  }
  return [
    `## ${title.en} (${title.fr}): \`${table}\``,
    '',
    `- Purpose: ${purpose.en}`,
    `- Kept: ${retention.en}`,
    `- Found by: ${foundBy.length === 0 ? 'nothing; no row is anybody’s' : foundBy.map((each) => `\`${each}\``).join(', ')}`,
    ...[...reasons].map(([reason, names]) => `- ${names.join(', ')} stays: ${reason}`),
    '',
    '| column | about | exported | erasure |',
    '| --- | --- | --- | --- |',
    ...columns.map(
      ({ column, personal, exported, erase }) =>
        `| \`${column}\` | ${personal === 'none' ? '–' : personal} | ${exported ? 'yes' : '–'} | ${erase} |`,
    ),
    '',
  ]
}
