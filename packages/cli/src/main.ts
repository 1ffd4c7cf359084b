import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Half of a short command's time is reading code. What was compiled is kept where only the owner of the installation
// writes; where that is not allowed, nothing is kept.
enableCompileCache(join(import.meta.dirname, '../../../node_modules/.cache/rempart'))
await import('./program.ts')
