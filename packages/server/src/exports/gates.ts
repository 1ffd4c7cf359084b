export { type Gate, type Registration, RegistrationStatus } from '../modules/gates/schema.ts'
export {
  changeGate,
  createGate,
  deleteGate,
  deleteRegistration,
  listGates,
  listRegistrations,
} from '../modules/gates/service.ts'
