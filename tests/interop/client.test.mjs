// The network's own client uploads to the local network, reads claims and fetches content back.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import * as Client from '@storacha/client'
import {
  accessServiceConnection, filecoinServiceConnection, gatewayServiceConnection, uploadServiceConnection,
} from '@storacha/client/service'
import { StoreMemory } from '@storacha/client/stores/memory'
import * as Signer from '@ucanto/principal/ed25519'
import * as DID from '@ipld/dag-ucan/did'
import { Client as IndexingClient } from '@storacha/indexing-service-client'
import { ShardedDAGIndex } from '@storacha/blob-index'
import { start } from './network.mjs'

let network
before(async () => { network = await start() })
after(() => network.stop())

const connection = (connect, url, did) => connect({ url: new URL(url), id: DID.parse(did) })

async function newClient() {
  const { env } = network
  const upload = [env.UPLOAD_SERVICE_URL, env.UPLOAD_SERVICE_DID]
  return Client.create({
    principal: await Signer.generate(),
    store: new StoreMemory(),
    serviceConf: {
      access: connection(accessServiceConnection, ...upload),
      upload: connection(uploadServiceConnection, ...upload),
      filecoin: connection(filecoinServiceConnection, ...upload),
      gateway: connection(gatewayServiceConnection, env.GATEWAY_SERVICE_URL, env.GATEWAY_SERVICE_DID),
    },
    receiptsEndpoint: new URL('/receipt/', env.UPLOAD_SERVICE_URL),
  })
}

/** Lets an account pay for a space, as the provisioning of the network writes it. */
async function provision(space) {
  const { env } = network
  const dynamo = new DynamoDBClient({
    endpoint: env.AWS_ENDPOINT_URL_DYNAMODB,
    region: env.AWS_REGION,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
  })
  await dynamo.send(new PutItemCommand({
    TableName: env.CONSUMER_TABLE_NAME,
    Item: {
      subscription: { S: `test-${space}` },
      provider: { S: env.UPLOAD_SERVICE_DID },
      consumer: { S: space },
      customer: { S: 'did:mailto:example.org:interop' },
    },
  }))
}

test('a space without a provider is refused by name', async () => {
  const client = await newClient()
  const space = await client.createSpace('unpaid', { skipGatewayAuthorization: true })
  await client.addSpace(await space.createAuthorization(client.agent))
  await client.setCurrentSpace(space.did())
  await assert.rejects(client.uploadFile(new Blob(['refused'])), (error) => {
    assert.match(String(error.cause?.name ?? error.message), /InsufficientStorage/)
    return true
  })
})

test('the client uploads a file; claims and index can be read; the gateway serves the bytes', async () => {
  const client = await newClient()
  const space = await client.createSpace('paid', { skipGatewayAuthorization: true })
  await client.addSpace(await space.createAuthorization(client.agent))
  await client.setCurrentSpace(space.did())
  await provision(space.did())

  const bytes = new Uint8Array(3_000_000).map((_, n) => (n * 31 + (n >> 8)) & 0xff)
  const shards = []
  const root = await client.uploadFile(new Blob([bytes]), { onShardStored: (shard) => shards.push(shard) })
  assert.equal(shards.length, 1)

  const listed = await client.capability.upload.list()
  assert.deepEqual(listed.results.map((one) => one.root.toString()), [root.toString()])

  const indexing = new IndexingClient({ serviceURL: new URL(network.env.INDEXING_SERVICE_URL) })
  const found = await indexing.queryClaims({ hashes: [root.multihash], kind: 'standard' })
  assert.ok(found.ok, String(found.error))
  const abilities = [...found.ok.claims.values()].map((claim) => claim.type)
  assert.ok(abilities.includes('assert/index'), abilities.join())
  assert.ok(abilities.includes('assert/location'), abilities.join())
  const index = [...found.ok.indexes.values()][0]
  assert.ok(index.shards.has(shards[0].cid.multihash))

  // Its claims name the space, so the gateway serves it only once it may.
  const url = `${network.env.GATEWAY_SERVICE_URL}/ipfs/${root}`
  assert.equal((await fetch(url)).status, 404)
  const gateway = DID.parse(network.env.GATEWAY_SERVICE_DID)
  const serve = await space.createAuthorization(gateway, { access: { 'space/content/serve/*': {} }, expiration: Infinity })
  const { AccessDelegate } = await import('./delegate.mjs')
  const delegated = await AccessDelegate(network, client, space, serve)
  assert.ok(delegated.out.ok, JSON.stringify(delegated.out.error))
  const served = await fetch(url)
  assert.equal(served.status, 200)
  assert.deepEqual(new Uint8Array(await served.arrayBuffer()), bytes)
})
