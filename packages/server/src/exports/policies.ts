export { createPolicySet, type PolicySet } from '../core/guard/policy-set.ts'
export {
  formatPolicyFile,
  inFile,
  type PolicyDocument,
  type PolicyFileFault,
  parsePolicyFile,
  readPolicyFile,
} from '../policy-file.ts'
export { watchPolicyFile } from '../policy-reload.ts'
