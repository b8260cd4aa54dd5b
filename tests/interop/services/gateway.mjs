// A gateway's `access/delegate` on the real UCAN server and validator: it believes the same as the deployed one.
import * as Server from '@ucanto/server'
import { CAR } from '@ucanto/transport'
import * as Delegation from '@ucanto/core/delegation'
import { Verifier } from '@ucanto/principal'
import { claim, fail } from '@ucanto/validator'
import * as Access from '@storacha/capabilities/access'
import * as Space from '@storacha/capabilities/space'
import * as UCAN from '@storacha/capabilities/ucan'
import { document, listen, text } from './http.mjs'
import { admitting } from './admitting.mjs'

export async function start({ signer, upload, resolveDIDKey, upstream, seen }) {
  // What the deployed gateway is configured with: attestations of the upload service count as its own.
  const attests = await UCAN.attest.delegate({ issuer: signer, audience: upload, with: signer.did(), expiration: Infinity })
  const kept = []
  const options = {
    authority: signer,
    principal: Verifier,
    resolveDIDKey,
    proofs: [attests],
    validateAuthorization: () => ({ ok: {} }),
  }

  const delegate = async ({ capability, invocation }) => {
    const blocks = new Map([...invocation.iterateIPLDBlocks()].map((block) => [`${block.cid}`, block]))
    const given = Object.values(capability.nb.delegations).map((root) => {
      if (!blocks.has(`${root}`)) throw new Error(`Block not found for delegation CID: ${root}`)
      return Delegation.view({ root, blocks })
    })
    const serves = given.filter((one) => one.capabilities.some(({ can }) => can === Space.contentServe.can))
    if (serves.length === 0) return fail('no valid delegations found')
    const valid = await claim(Space.contentServe, given, options)
    if (valid.error) return valid
    kept.push(...given)
    return Server.ok({})
  }

  const server = Server.create({
    id: signer,
    codec: CAR.inbound,
    service: { access: { delegate: Server.provide(Access.delegate, delegate) } },
    ...options,
  })

  const post = admitting({ server, upstream, seen })
  const url = await listen(async (request) => {
    if (request.method === 'POST') return post(request)
    if (request.url.pathname === '/.well-known/did.json') return document(signer)
    return upstream ? post(request) : text(404)
  })
  return { url, signer, kept }
}
