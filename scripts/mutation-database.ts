import type { TestProject } from 'vitest/node'

/** Tells the tests of the one PostgreSQL that serves all mutants. */
export function setup(project: TestProject): void {
  project.provide('database', JSON.parse(process.env['REMPART_MUTATION_DATABASE'] ?? '{}'))
}
