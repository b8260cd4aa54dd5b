// The second AWS engine: DynamoDB, S3 and SQS in one process that shares no code with Sterna's local network.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { createServer as createSocket } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const venv = join(here, '.venv')

/** Starts the engine on a free port of 127.0.0.1; installs it first, pinned by hash, if it is not there. */
export async function startEngine() {
  const binary = join(venv, 'bin', 'ministack')
  if (!existsSync(binary)) {
    must('python3', ['-m', 'venv', venv])
    must(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '--only-binary=:all:',
      '--require-hashes', '-r', join(here, 'engine-requirements.txt')])
  }
  const port = await freePort()
  const child = spawn(binary, {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, BIND_HOST: '127.0.0.1', GATEWAY_PORT: String(port) },
  })
  const endpoint = `http://127.0.0.1:${port}`
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the engine ended with ${child.exitCode}`)
    const answer = await fetch(endpoint).catch(() => undefined)
    if (answer) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    endpoint,
    async stop() {
      child.kill('SIGTERM')
      await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()))
    },
  }
}

function must(command, args) {
  const done = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${done.error ?? done.status}`)
}

async function freePort() {
  const socket = createSocket()
  await new Promise((resolve) => socket.listen(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise((resolve) => socket.close(resolve))
  return port
}

/**
 * Stands before the engine: every request goes there and its answer is the answer. What the engine took and `repeats`
 * names is done again at `other`, so that whoever reads there sees it, too. What only those write who work at `other`
 * is read there: `elsewhere` names it.
 */
export async function startRelay(engine, other, { repeats, elsewhere = () => false }) {
  const faults = []
  const counts = { answered: 0, repeated: 0, elsewhere: 0 }
  const server = createServer(async (incoming, outgoing) => {
    const body = await whole(incoming)
    const away = elsewhere(incoming, body)
    const answer = await send(away ? other : engine, incoming, body)
    counts[away ? 'elsewhere' : 'answered'] += 1
    if (!away && answer.status < 300 && repeats(incoming, body)) {
      const again = await send(other, incoming, body)
      counts.repeated += 1
      if (again.status >= 300) faults.push(`${incoming.method} ${incoming.url}: ${again.status} ${again.body}`)
    }
    const { 'transfer-encoding': _, ...headers } = answer.headers
    outgoing.writeHead(answer.status, headers)
    outgoing.end(answer.body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    faults,
    counts,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function whole(stream) {
  const parts = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

/** The request as it came, signature and host included. */
function send(endpoint, { method, url, headers }, body) {
  const { hostname, port } = new URL(endpoint)
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path: url, headers }, async (answer) =>
      resolve({ status: answer.statusCode, headers: answer.headers, body: await whole(answer) }))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
