import type { Config } from './config.ts'
import type { OpenDatabase } from './database/open.ts'
import { seedDemo } from './demo.ts'
import { issueOwnerLink } from './modules/invitations/bootstrap.ts'
import { findTenant } from './modules/tenants/service.ts'

/** Whether this is the first start of an embedded database, and the link for its first owner if it is. */
export interface FirstStart {
  readonly isFirstStart: boolean
  readonly ownerLink: string | undefined
}

/** Makes the demo tenant on the first start of an embedded database, unless the configuration says not to. */
export async function firstStart({ worker }: OpenDatabase, config: Config): Promise<FirstStart> {
  const isFirstStart = config.embedded && config.demo === 'on' ? await seedDemo(worker) : false
  if (!isFirstStart) return { isFirstStart, ownerLink: undefined }
  const demo = await findTenant(worker, 'demo')
  const { publicUrl } = config
  return { isFirstStart, ownerLink: demo && (await issueOwnerLink(worker, demo.id, { publicUrl, nowMs: Date.now() })) }
}
