// Plain JavaScript, so that any Node can read it and say what is missing. npm installs Node 24 for Linux and Windows
// with the project; on macOS it is the machine's own that runs.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(
    `Rempart runs on Node 24.12 or later, and this is Node ${process.versions.node}.\n` +
      'On Linux and Windows `npm ci` brings it along: start through npm (npm start, npm run rempart -- …).\n' +
      'On macOS install Node 24 (https://nodejs.org) and run the same command again.\n',
  )
  process.exit(1)
}
await import('../src/main.ts')
