import fc from 'fast-check'

// A mutant is noticed by the first counterexample: to look for a smaller one would take until the time is up.
fc.configureGlobal({ endOnFailure: true })
