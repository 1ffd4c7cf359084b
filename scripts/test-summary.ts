import type { Reporter, TestCase, TestModule } from 'vitest/node'

/**
 * Closes a run with one plain line of counts, after the name and the reason of everything that was skipped. With
 * `REMPART_TEST_SKIPS=fail` a skipped test is a failure: where every tool is installed, nothing has a reason to skip.
 */
export class TestSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed += 1
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        counts[state] += 1
        if (state === 'skipped') console.log(`skipped: ${test.fullName}${reasonOf(test)}`)
      }
    }
    const mustNotSkip = process.env['REMPART_TEST_SKIPS'] === 'fail'
    if (mustNotSkip && counts.skipped > 0) {
      console.log('Skipped tests count as failures here.')
      process.exitCode = 1
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  const note = result.state === 'skipped' ? result.note : undefined
  return note === undefined ? '' : ` (${note})`
}
