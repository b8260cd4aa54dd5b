// Starts the services for a test and says where they are in one JSON line on stdout.
//
// The first line of stdin is a JSON object: `keys` ({upload, indexer, gateway, node} of {did, key}), `upstream`
// ({indexer, gateway, node}: URLs to let admitted requests through to), `tables` ({endpoint, region, consumer, allocation}: who
// pays for a space is read there, and a registered blob written). All of them may be missing. The services end when stdin ends.
import { createInterface } from 'node:readline'
import { DynamoDBClient, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
import { identities, resolver } from './identities.mjs'
import { json, listen, text } from './http.mjs'
import * as Gateway from './gateway.mjs'
import * as Indexer from './indexer.mjs'
import * as Node from './node.mjs'
import * as Upload from './upload.mjs'

const lines = createInterface({ input: process.stdin })
const settings = JSON.parse(await new Promise((resolve) => lines.once('line', resolve)) || '{}')
process.stdin.on('end', () => process.exit(0))

const { keys, upstream = {}, tables } = settings
const signers = await identities(keys)
const resolveDIDKey = resolver(signers)
const faults = new Map()
const seen = []

const indexer = await Indexer.start({ signer: signers.indexer, resolveDIDKey, upstream: upstream.indexer, seen })
const gateway = await Gateway.start({
  signer: signers.gateway, upload: signers.upload, resolveDIDKey, upstream: upstream.gateway, seen,
})
const node = await Node.start({ signer: signers.node, resolveDIDKey, indexer, faults, upstream: upstream.node })
const upload = await Upload.start({ signer: signers.upload, indexer, node, resolveDIDKey, ...(tables && { payers, registered }), seen })

/** A client for the tables. */
function database() {
  const { endpoint, region } = tables
  return new DynamoDBClient({ endpoint, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } })
}

/** Writes down a blob of a space, as the deployed service does. */
async function registered(space, digest, size) {
  await database().send(new PutItemCommand({
    TableName: tables.allocation,
    Item: { space: { S: space }, multihash: { S: digest }, size: { N: String(size) } },
  }))
}

/** The providers of a space, as the deployed service reads them. */
async function payers(space) {
  const { Items } = await database().send(new QueryCommand({
    TableName: tables.consumer,
    IndexName: 'consumerV2',
    KeyConditionExpression: 'consumer = :space',
    ExpressionAttributeValues: { ':space': { S: space } },
  }))
  return Items.map((item) => item.provider.S)
}

/** What a test may do behind the services' backs. */
const control = await listen(async ({ url, body }) => {
  const given = body.length ? JSON.parse(Buffer.from(body).toString()) : {}
  switch (url.pathname) {
    case '/provision': return json(await upload.provision(given.space))
    case '/fault': faults.set(given.digest, given); return json({})
    case '/seen': return json(seen)
    case '/registered': return json(await upload.has(given.space, given.digest))
    case '/kept': return json(gateway.kept.map((one) => one.cid.toString()))
    default: return text(404)
  }
})

console.log(JSON.stringify({
  upload: upload.url.toString(),
  indexer: indexer.url.toString(),
  gateway: gateway.url.toString(),
  node: node.url.toString(),
  control: control.toString(),
}))
