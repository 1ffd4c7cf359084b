import { settings } from '../../packages/server/src/config.ts'

/** The reference page of every setting, from the table that reads them. */
export function configReference(): string {
  const rows = Object.values(settings).map((each) => {
    const isSecret = 'secret' in each && each.secret === true
    const names = isSecret ? `\`${each.name}\`, \`${each.name}_FILE\`` : `\`${each.name}\``
    return `| ${names} | ${defaultOf(each.name, each.fallback)} | ${each.about.replaceAll('|', '\\|')} |`
  })
  return [
    '# Settings',
    '',
    'Generated from `packages/server/src/config.ts` by `npm run generate`; do not edit.',
    '',
    'Each setting is read from the environment, or from a `.env` file in the working directory. A secret may also come from the file that its `_FILE` twin names. A fault in any of them stops the start, with every fault listed and no value shown.',
    '',
    '| name | default | what it is |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

function defaultOf(name: string, fallback: unknown): string {
  if (fallback === undefined) return '–'
  if (Array.isArray(fallback)) return 'empty'
  const isDuration = typeof fallback === 'number' && /TIMEOUT|LIFETIME|SLOW/.test(name)
  return `\`${isDuration ? duration(fallback) : String(fallback)}\``
}

function duration(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}
