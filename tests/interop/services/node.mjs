// A storage node on the real UCAN server: allocates, takes bytes, accepts, claims, serves.
import * as Server from '@ucanto/server'
import { connect } from '@ucanto/client'
import { CAR, HTTP } from '@ucanto/transport'
import * as DID from '@ipld/dag-ucan/did'
import * as Blob from '@storacha/capabilities/blob'
import * as Assert from '@storacha/capabilities/assert'
import * as Claim from '@storacha/capabilities/claim'
import * as Digest from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { base58btc } from 'multiformats/bases/base58'
import { base64pad } from 'multiformats/bases/base64'
import { forward } from './admitting.mjs'
import { listen, ranged, text } from './http.mjs'

const keyOf = (digest) => base58btc.encode(digest.bytes)

/**
 * Starts the node. `faults` maps a digest to what shall go wrong with it: `{put: status}` or `{accept: true}`;
 * what it does not have is read `upstream`.
 */
export async function start({ signer, resolveDIDKey, indexer, faults, upstream }) {
  const blobs = new Map()
  const claims = new Map()
  const allocated = new Map()
  let base

  const allocate = async ({ capability }) => {
    const { digest, size } = capability.nb.blob
    const multihash = Digest.decode(digest)
    const key = keyOf(multihash)
    if (blobs.has(key)) return Server.ok({ size: 0 })
    const reserved = allocated.has(key) ? 0 : size
    allocated.set(key, size)
    const headers = { 'content-length': String(size), 'x-amz-checksum-sha256': base64pad.baseEncode(multihash.digest) }
    return Server.ok({
      size: reserved,
      address: { url: new URL(`/blob/${key}`, base).toString(), headers, expires: 86_400 },
    })
  }

  const accept = async ({ capability }) => {
    const { digest, size } = capability.nb.blob
    const key = keyOf(Digest.decode(digest))
    if (faults.get(key)?.accept || !blobs.has(key)) {
      return Server.error({ name: 'AllocatedMemoryHadNotBeenWrittenTo', message: 'Blob not found' })
    }
    const space = DID.decode(capability.nb.space)
    const claim = await Assert.location.delegate({
      issuer: signer,
      audience: space,
      with: signer.did(),
      nb: {
        content: { digest },
        location: [new URL(`/blob/${key}`, base).toString()],
        range: { offset: 0, length: size },
        space: DID.parse(space.did()),
      },
      expiration: Infinity,
    })
    claims.set(claim.cid.toString(), (await claim.archive()).ok)
    const cached = await cache(claim)
    return cached.out.error ? cached.out : Server.ok({ site: claim.cid }).fork(claim)
  }

  /** Tells the indexing service where the blob is, as real nodes do. */
  const cache = async (claim) => {
    const proof = await Claim.cache.delegate({
      issuer: indexer.signer, audience: signer, with: indexer.signer.did(), expiration: Infinity,
    })
    const addresses = ['claim/{claim}', 'blob/{blob}'].map((path) => multiaddr(base, path))
    return Claim.cache.invoke({
      issuer: signer,
      audience: indexer.signer,
      with: indexer.signer.did(),
      nb: { claim: claim.cid, provider: { addresses } },
      proofs: [proof, claim],
    }).execute(connect({ id: indexer.signer, codec: CAR.outbound, channel: HTTP.open({ url: indexer.url, method: 'POST' }) }))
  }

  const server = Server.create({
    id: signer,
    codec: CAR.inbound,
    service: { blob: {
      allocate: Server.provideAdvanced({ capability: Blob.allocate, handler: allocate }),
      accept: Server.provideAdvanced({ capability: Blob.accept, handler: accept }),
    } },
    resolveDIDKey,
    validateAuthorization: () => ({ ok: {} }),
  })

  const put = async (key, { headers, body }) => {
    const fault = faults.get(key)?.put
    if (fault) return text(fault, 'refused by the test')
    const checksum = base64pad.baseEncode((await sha256.digest(body)).digest)
    const fits = checksum === headers['x-amz-checksum-sha256'] && keyOf(await sha256.digest(body)) === key
    if (!fits || allocated.get(key) !== body.length) return text(400, 'not what was allocated')
    blobs.set(key, body)
    return text(200)
  }

  const get = (kind, key, request) => {
    const found = kind === 'blob' ? blobs.get(key) : claims.get(key)
    if (found) return ranged(found, request.headers.range)
    return upstream ? forward(upstream, request) : text(404, 'not found')
  }

  base = await listen(async (request) => {
    const [, kind, key] = request.url.pathname.split('/')
    if (request.method === 'POST') return server.request(request)
    if (request.method === 'PUT' && kind === 'blob') return put(key, request)
    return get(kind, key, request)
  })
  const channel = HTTP.open({ url: base, method: 'POST' })
  return { url: base, id: signer, connection: connect({ id: signer, codec: CAR.outbound, channel }) }
}

/** `/ip4/…/tcp/…/http/http-path/…` as bytes. */
function multiaddr(base, path) {
  const text = new TextEncoder().encode(path)
  const port = Number(base.port)
  return new Uint8Array([
    4, ...base.hostname.split('.').map(Number),
    6, port >> 8, port & 0xff,
    0xe0, 0x03,
    0xe1, 0x03, text.length, ...text,
  ])
}
