// A real UCAN server in front of another service: what it admits goes on as it came, what it refuses stays here.
import * as CAR from '@ucanto/transport/car'

/** Handles requests with `server`; with an `upstream`, requests that it admits are answered there. */
export const admitting = ({ server, upstream, seen }) => async (request) => {
  if (request.method !== 'POST') return forward(upstream, request)
  const answer = await server.request(request)
  const refused = await note(request, answer, seen)
  return upstream && !refused ? forward(upstream, request) : answer
}

/** Writes down every invocation and its outcome; whether one was refused. */
async function note(request, answer, seen) {
  if (answer.status && answer.status !== 200) return true
  const { invocations } = await CAR.request.decode(request)
  const reply = await CAR.response.decode(answer)
  let refused = false
  for (const invocation of invocations) {
    const { error } = reply.get(invocation.cid).out
    seen.push({
      can: invocation.capabilities[0]?.can,
      cid: invocation.cid.toString(),
      error: error?.name ?? null,
      message: Buffer.from(request.body).toString('base64'),
    })
    refused ||= Boolean(error)
  }
  return refused
}

/** Asks another service the same. */
export async function forward(upstream, { method, url, headers, body }) {
  const { host, connection, 'content-length': length, ...rest } = headers
  const response = await fetch(new URL(url.pathname + url.search, upstream), {
    method, headers: rest, body: method === 'POST' ? body : undefined, redirect: 'manual',
  })
  const { 'content-encoding': encoding, 'content-length': size, 'transfer-encoding': transfer, ...kept } =
    Object.fromEntries(response.headers)
  return { status: response.status, headers: kept, body: new Uint8Array(await response.arrayBuffer()) }
}
