// Who the services are: their keys, and how a did:web leads to a key.
import * as Signer from '@ucanto/principal/ed25519'
import * as DID from '@ipld/dag-ucan/did'
import { error, ok } from '@ucanto/core'
import { DIDResolutionError } from '@ucanto/validator'

/** Names and default DIDs of the services; their keys come from fixed seeds. */
const DEFAULTS = { upload: 'did:web:upload.test', indexer: 'did:web:indexer.test', gateway: 'did:web:gateway.test', node: null }

/** The signers of all services; `given` replaces some by `{did, key}` (secret text). */
export async function identities(given = {}) {
  const signers = {}
  for (const [at, [name, did]] of Object.entries(DEFAULTS).entries()) {
    const key = given[name]?.key
    const signer = key ? Signer.parse(key) : await Signer.derive(new Uint8Array(32).fill(at + 1))
    const known = given[name]?.did ?? did
    signers[name] = known && !known.startsWith('did:key:') ? signer.withDID(DID.parse(known).did()) : signer
  }
  return signers
}

/** Resolves the services' did:web, as every one of them does from a list of its own. */
export const resolver = (signers) => (did) => {
  const found = Object.values(signers).find((signer) => signer.did() === did)
  return found ? ok([found.toDIDKey()]) : error(new DIDResolutionError(did))
}
