// An indexing service on the real UCAN server and validator.
//
// Alone it keeps claims in memory. In front of another one it lets through what the validator admits, as it came.
import * as Server from '@ucanto/server'
import { CAR } from '@ucanto/transport'
import * as Delegation from '@ucanto/core/delegation'
import * as Assert from '@storacha/capabilities/assert'
import * as ClaimCaps from '@storacha/capabilities/claim'
import * as Digest from 'multiformats/hashes/digest'
import { base58btc } from 'multiformats/bases/base58'
import * as Claim from '@storacha/indexing-service-client/claim'
import * as QueryResult from '@storacha/indexing-service-client/query-result'
import { document, listen, text } from './http.mjs'
import { admitting } from './admitting.mjs'

export async function start({ signer, resolveDIDKey, upstream, seen }) {
  const claims = new Map()

  const keep = (root, blocks) => {
    const claim = Claim.view({ root, blocks })
    const digest = 'multihash' in claim.content ? claim.content.multihash : Digest.decode(claim.content.digest)
    const key = base58btc.encode(digest.bytes)
    claims.set(key, [...(claims.get(key) ?? []), claim])
  }

  const cache = ({ capability, invocation }) => {
    const link = capability.nb.claim
    const blocks = new Map([...invocation.iterateIPLDBlocks()].map((block) => [`${block.cid}`, block]))
    if (!blocks.has(`${link}`)) {
      return Server.error({ name: 'MissingClaim', message: 'Claim data was not found in the invocation payload.' })
    }
    const claim = Delegation.view({ root: link, blocks })
    if (claim.capabilities[0].can !== 'assert/location') throw new Error(`not a location: ${claim.capabilities[0].can}`)
    keep(link, blocks)
    return Server.ok({})
  }

  const index = ({ invocation }) => {
    keep(invocation.cid, new Map([...invocation.iterateIPLDBlocks()].map((block) => [`${block.cid}`, block])))
    return Server.ok({})
  }

  const server = Server.create({
    id: signer,
    codec: CAR.inbound,
    service: {
      assert: { index: Server.provide(Assert.index, index), equals: Server.provide(Assert.equals, index) },
      claim: { cache: Server.provide(ClaimCaps.cache, cache) },
    },
    resolveDIDKey,
    validateAuthorization: () => ({ ok: {} }),
  })

  const query = async (url) => {
    const wanted = url.searchParams.getAll('multihash')
    if (wanted.length === 0) return text(400, 'missing digests')
    const found = wanted.flatMap((hash) => claims.get(hash) ?? [])
    const result = await QueryResult.from({ claims: found })
    if (result.error) return text(500, result.error.message)
    return { headers: { 'content-type': 'application/vnd.ipld.car' }, body: (await result.ok.archive()).ok }
  }

  const post = admitting({ server, upstream, seen })
  const url = await listen(async (request) => {
    if (request.method === 'POST') return post(request)
    if (request.url.pathname === '/.well-known/did.json') return document(signer)
    if (upstream) return post(request)
    return request.url.pathname === '/claims' ? query(request.url) : text(404)
  })
  return { url, signer }
}
