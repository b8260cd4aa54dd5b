// Starts Sterna's local network for a test and stops it again.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const binary = process.env.STERNA_BIN ?? join(root, 'target', 'debug', 'sterna')

/** A running local network in a folder of its own. */
export async function start() {
  const dir = mkdtempSync(join(tmpdir(), 'sterna-interop-'))
  const child = spawn(binary, ['--state-dir', dir, 'sandbox', 'start'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: dir,
  })
  const lines = createInterface({ input: child.stdout })
  const first = await new Promise((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', (code) => reject(new Error(`sandbox start ended with ${code}`)))
  })
  // Keys and proofs are in the file alone.
  const description = JSON.parse(readFileSync(JSON.parse(first).description, 'utf8'))
  return {
    ...description,
    dir,
    /** Runs another command against this network; gives what it printed as JSON, or throws. */
    sterna(args, { codes = [0] } = {}) {
      const done = spawnSync(binary, ['--state-dir', dir, '--output', 'json', ...args], {
        cwd: dir,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      })
      if (!codes.includes(done.status)) {
        throw new Error(`sterna ${args.join(' ')} exited ${done.status}\n${done.stdout}\n${done.stderr}`)
      }
      return done.stdout.trim() === '' ? undefined : JSON.parse(done.stdout)
    },
    async stop() {
      child.kill('SIGTERM')
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()))
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
