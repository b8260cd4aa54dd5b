// Small HTTP on loopback: listening, bodies, DID documents, and ucanto servers behind a POST.
import { createServer } from 'node:http'

/** Listens on a free port of 127.0.0.1; `handle` gives `{status, headers, body}`. Gives the URL. */
export async function listen(handle) {
  const server = createServer(async (request, response) => {
    const answer = await answered(handle, request)
    response.writeHead(answer.status ?? 200, answer.headers ?? {})
    response.end(request.method === 'HEAD' ? undefined : answer.body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${server.address().port}`)
}

async function answered(handle, request) {
  try {
    return await handle({
      method: request.method,
      url: new URL(request.url, 'http://127.0.0.1'),
      headers: request.headers,
      body: await bytes(request),
    })
  } catch (error) {
    console.error(error)
    return text(500, String(error))
  }
}

async function bytes(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

/** A plain text answer. */
export const text = (status, body = '') => ({ status, headers: { 'content-type': 'text/plain' }, body })

/** A JSON answer. */
export const json = (value) => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) })

/** The DID document of a service with a did:web. */
export const document = (signer) => json({
  '@context': ['https://www.w3.org/ns/did/v1'],
  id: signer.did(),
  verificationMethod: [{
    id: `${signer.did()}#key`,
    type: 'Ed25519VerificationKey2020',
    controller: signer.did(),
    publicKeyMultibase: signer.toDIDKey().slice('did:key:'.length),
  }],
})

/** The bytes of one range of `content`, or all of them. */
export function ranged(content, header) {
  const range = /^bytes=(\d+)-(\d*)$/.exec(header ?? '')
  const headers = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' }
  if (!range) return { headers: { ...headers, 'content-length': content.length }, body: content }
  const [from, to] = [Number(range[1]), range[2] === '' ? content.length - 1 : Math.min(Number(range[2]), content.length - 1)]
  if (from > to) return { status: 416, headers: { 'content-range': `bytes */${content.length}` } }
  const body = content.subarray(from, to + 1)
  return {
    status: 206,
    headers: { ...headers, 'content-length': body.length, 'content-range': `bytes ${from}-${to}/${content.length}` },
    body,
  }
}
