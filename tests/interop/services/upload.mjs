// The network's own upload service, with its own handlers and in-memory stores, over HTTP.
import { createServer } from '@storacha/upload-api'
import { createContext } from '@storacha/upload-api/test/context'
import * as Routing from '@storacha/router/test/router'
import * as Assert from '@storacha/capabilities/assert'
import { connect } from '@ucanto/client'
import { CAR as Transport, HTTP } from '@ucanto/transport'
import { CAR } from '@ucanto/core'
import * as Digest from 'multiformats/hashes/digest'
import { base58btc } from 'multiformats/bases/base58'
import { admitting } from './admitting.mjs'
import { document, listen, text } from './http.mjs'

/** Starts it. `payers(space)`, if given, names the providers of a space from outside its own stores;
 * `registered(space, digest, size)` is told of each blob that the service registers. */
export async function start({ signer, indexer, node, resolveDIDKey, payers, registered, seen }) {
  const context = await createContext({ providers: { [signer.did()]: 0 }, requirePaymentPlan: false })
  const proof = await Assert.assert.delegate({
    issuer: indexer.signer, audience: signer, with: indexer.signer.did(), expiration: Infinity,
  })
  const { provisionsStorage, registry, agentStore } = context
  if (payers) {
    provisionsStorage.getStorageProviders = async (space) => ({ ok: await payers(space) })
    provisionsStorage.getConsumer = async (_, space) => ({ ok: { did: space, limit: 0 } })
  }
  if (registered) {
    const register = registry.register.bind(registry)
    registry.register = async (input) => {
      await registered(input.space, base58btc.encode(input.blob.digest.bytes), input.blob.size)
      return register(input)
    }
  }
  const server = createServer({
    ...context,
    id: signer,
    signer,
    resolveDIDKey,
    router: Routing.create(signer, [node]),
    indexingService: {
      ...context.indexingService,
      invocationConfig: { issuer: signer, audience: indexer.signer, with: indexer.signer.did(), proofs: [proof] },
      connection: connect({
        id: indexer.signer, codec: Transport.outbound, channel: HTTP.open({ url: indexer.url, method: 'POST' }),
      }),
    },
    errorReporter: { catch: (error) => console.error(error) },
  })

  /** The last message under which a receipt is filed, as the service's public bucket serves it. */
  const receipt = (task) => {
    const { index, store } = agentStore.model
    const found = index[`/${task}/receipt/`]?.at(-1)
    if (!found) return text(404, 'receipt not found')
    const { blocks, roots } = store[found.at]
    return { headers: { 'content-type': 'application/vnd.ipld.car' }, body: CAR.encode({ roots, blocks }) }
  }

  const post = admitting({ server, seen })
  const url = await listen(async (request) => {
    const [, first, second] = request.url.pathname.split('/')
    if (request.method === 'POST') return post(request)
    if (first === 'receipt') return receipt(second)
    return first === '.well-known' ? document(signer) : text(200, 'upload service')
  })
  return {
    url,
    provision: (space) => provisionsStorage.put({
      provider: signer.did(), customer: 'did:mailto:example.org:interop', consumer: space, cause: proof,
    }),
    has: async (space, digest) => Boolean((await registry.find(space, Digest.decode(base58btc.decode(digest)))).ok),
  }
}
