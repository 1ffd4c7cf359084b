export {
  type ListedKey,
  listSigningKeys,
  revokeSigningKeys,
  rotateSigningKeys,
} from '../core/tokens/signing-key-table.ts'
export { countFormerlySealed, rewrap } from '../master-key/rewrap.ts'
