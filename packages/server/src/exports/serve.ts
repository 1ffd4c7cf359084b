export { type RunningServer, startServer } from '../start.ts'
export { startWorkers } from '../workers/primary.ts'
export { isWorker, serveAsWorker } from '../workers/worker.ts'
