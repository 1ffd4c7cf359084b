import type { PolicyInput } from '@rempart/guard'

/**
 * The list of resources, sixty times a minute. Its refusals announce no wait: there is no cooldown, and the first place is
 * free again within the minute.
 */
export const resourceListPolicy: PolicyInput = {
  id: 'resources.list',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s', retryAfter: 'cooldown-only' }],
}

/** One resource, as often, with a counter of its own. */
export const resourceReadPolicy: PolicyInput = {
  id: 'resources.read',
  rules: [{ id: 'burst', kind: 'rate-limit', by: 'ip', limit: 60, window: '60s', retryAfter: 'cooldown-only' }],
}
