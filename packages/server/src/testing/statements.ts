import pg from 'pg'
import { vi } from 'vitest'

/** What a process does by the clock beside its answers, and what frames each transaction of either. */
const beside = /auth\.find_tenant\(|into "security_event"|^(?:begin|commit)$|^select set_config\(/

/** What a request asked the database: the texts of its statements, in their order. Of one request at a time. */
export async function statementsDuring(act: () => Promise<unknown>): Promise<readonly string[]> {
  const query = vi.spyOn(pg.Client.prototype, 'query')
  try {
    await act()
    const calls = query.mock.calls as unknown as [string | { readonly text?: string } | undefined][]
    return calls
      .map(([statement]) => (typeof statement === 'string' ? statement : statement?.text || 'a batch of reads'))
      .filter((text) => !beside.test(text))
  } finally {
    query.mockRestore()
  }
}
