import type { PolicyInput } from '@rempart/guard'

/** A scrape every second, and none of the requests that the same address may send elsewhere. */
export const metricsPolicy: PolicyInput = {
  id: 'metrics.scrape',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s' }],
}
