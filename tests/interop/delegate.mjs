// Hands a serve delegation to the gateway, as the network's client does.
import { connect } from '@ucanto/client'
import { CAR, HTTP } from '@ucanto/transport'
import * as DID from '@ipld/dag-ucan/did'
import { invoke } from '@ucanto/core'

/** Sends `access/delegate` for `serve`, issued by the space itself; gives the receipt. */
export async function AccessDelegate(network, client, space, serve) {
  const gateway = DID.parse(network.env.GATEWAY_SERVICE_DID)
  const invocation = invoke({
    issuer: space.signer,
    audience: gateway,
    capability: {
      can: 'access/delegate',
      with: space.did(),
      nb: { delegations: { [serve.cid.toString()]: serve.cid } },
    },
    facts: [Object.fromEntries([...serve.iterateIPLDBlocks()].map(({ cid }) => [cid.toString(), cid]))],
  })
  for (const block of serve.iterateIPLDBlocks()) invocation.attach(block)
  const connection = connect({
    id: gateway,
    codec: CAR.outbound,
    channel: HTTP.open({ url: new URL(network.env.GATEWAY_SERVICE_URL), method: 'POST' }),
  })
  const [receipt] = await connection.execute(invocation)
  return receipt
}
