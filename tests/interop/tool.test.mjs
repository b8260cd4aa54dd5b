// Every call of the existing tool to tables, buckets and queues, as it was recorded, against the local network.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import * as Dynamo from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { clients } from './aws.mjs'
import { start } from './network.mjs'

const trace = JSON.parse(readFileSync(new URL('../vectors/tool-trace.json', import.meta.url), 'utf8'))
const KEYS = {
  upload: ['space', 'root'],
  store: ['space', 'link'],
  allocation: ['space', 'multihash'],
  consumer: ['subscription', 'provider'],
  delegation: ['link'],
}

let network
let aws
before(async () => {
  network = await start()
  network.sterna(['init'])
  aws = clients(network)
})
after(() => network.stop())

/** The name here of a table of the recorded environment. */
function table(recorded) {
  const { env } = network
  const own = recorded.match(/^staging-migration-(.+)$/)?.[1]
  if (own) return env[`MIGRATION_${own.toUpperCase()}_TABLE_NAME`]
  const name = recorded.match(/^staging-w3infra-(.+)$/)[1].toUpperCase().replace('-', '_')
  return env[`${name === 'ALLOCATION' ? 'ALLOCATIONS' : name}_TABLE_NAME`]
}

/** The request with the names of this network. */
function here(request) {
  if (request.TableName) return { ...request, TableName: table(request.TableName) }
  const items = Object.entries(request.RequestItems).map(([name, items]) => [table(name), items])
  return { ...request, RequestItems: Object.fromEntries(items) }
}

/** What lay in the tables before the tool came: the rows that it was answered with and had not written itself. */
async function seed() {
  const written = new Set()
  for (const { request, response, target } of trace.runs.flatMap((run) => run.exchanges)) {
    const name = request?.TableName?.match(/^staging-w3infra-(.+)$/)?.[1]
    if (!name) continue
    const id = (item) => KEYS[name]?.map((key) => item[key]?.S).join(' ')
    if (target.endsWith('.PutItem')) written.add(`${name} ${id(request.Item)}`)
    for (const Item of response?.Items ?? []) {
      if (written.has(`${name} ${id(Item)}`)) continue
      await aws.dynamo.send(new Dynamo.PutItemCommand({ TableName: table(request.TableName), Item }))
    }
  }
}

const answered = async (send) => {
  try {
    return { status: 200, response: await send() }
  } catch (error) {
    return { status: error.$metadata?.httpStatusCode, name: error.name }
  }
}

/** Tables that the tool itself writes: the recorded answers do not show its writes, those of a real table do. */
const isOwn = ({ TableName }) => TableName?.startsWith('staging-migration-')

/** Recorded items must all be answered: the same attributes as far as the index holds them, the same item if it is the tool's. */
function sameItems(recorded, got, { request, about }) {
  if (!isOwn(request)) assert.equal(got.length, recorded.length, about)
  const compared = (key) => !isOwn(request) || ['customer', 'space', 'migrationSpace', 'privateKey', 'instanceId'].includes(key)
  const plain = (item, like) => JSON.stringify(Object.keys(item)
    .filter((key) => key in like && compared(key)).sort()
    .map((key) => [key, item[key].SS?.toSorted() ?? item[key]]))
  for (const item of recorded) {
    const same = (one) => plain(item, one) !== '[]' && plain(item, one) === plain(one, item)
    assert.ok(got.some(same), `${about}: ${JSON.stringify(item)} in ${JSON.stringify(got)}`)
  }
}

async function dynamo(run, { target, request, status, response }) {
  const operation = target.split('.')[1]
  const about = `${run.name}: ${operation} ${request.TableName ?? ''}`
  const got = await answered(() => aws.dynamo.send(new Dynamo[`${operation}Command`](here(request))))
  assert.equal(got.status, status, `${about} ${got.name ?? ''}`)
  if (status !== 200) {
    assert.ok(response.__type.endsWith(got.name), about)
    return
  }
  if (response.Items && !request.Limit) sameItems(response.Items, got.response.Items, { request, about })
  if (response.Item) sameItems([response.Item], [got.response.Item], { request, about })
  if (response.Count !== undefined && !isOwn(request)) assert.equal(got.response.Count, response.Count, about)
  if (response.UnprocessedItems) assert.deepEqual(got.response.UnprocessedItems, {}, about)
}

async function object({ to, method, path, body_hex: hex, content_type: ContentType }) {
  const [, recorded, key] = /^\/([^/]+)\/(.+)$/.exec(path)
  const { env } = network
  const Bucket = {
    'staging-storage-claim-store-bucket': env.CLAIMS_BUCKET,
    'staging-storage-ipni-publisher': env.IPNI_BLOB_PUBLISHING_BUCKET,
    'store-protocol-staging-storage-ipni-publisher': env.IPNI_STORE_PUBLISHING_BUCKET,
    'r2-delegations': env.R2_DELEGATION_BUCKET_NAME,
  }[recorded]
  const s3 = to === 'r2' ? aws.r2 : aws.s3
  // Read back under the very key that was written.
  if (method === 'PUT') await s3.send(new PutObjectCommand({ Bucket, Key: key, Body: Buffer.from(hex, 'hex'), ContentType }))
  else await s3.send(new PutObjectCommand({ Bucket, Key: key, Body: 'seeded' }))
  const read = await s3.send(new GetObjectCommand({ Bucket, Key: key }))
  if (method === 'PUT') {
    assert.equal(read.ContentType, ContentType)
    assert.equal(Buffer.from(await read.Body.transformToByteArray()).toString('hex'), hex)
  }
}

test('every recorded call is answered as it was', async () => {
  await seed()
  const counts = {}
  for (const run of trace.runs) {
    for (const exchange of run.exchanges) {
      counts[exchange.to] = (counts[exchange.to] ?? 0) + 1
      if (exchange.to === 'dynamodb') await dynamo(run, exchange)
      if (exchange.to === 's3' || exchange.to === 'r2') await object(exchange)
      if (exchange.to === 'sqs') {
        const name = exchange.request.QueueUrl.includes('/store') ? 'STORE' : 'BLOB'
        const QueueUrl = network.env[`IPNI_${name}_PUBLISHING_QUEUE`]
        const sent = await aws.sqs.send(new SendMessageCommand({ ...exchange.request, QueueUrl }))
        assert.ok(sent.MessageId && sent.SequenceNumber, run.name)
      }
    }
  }
  assert.ok(counts.dynamodb > 40 && counts.s3 > 5 && counts.r2 > 1 && counts.sqs > 4, JSON.stringify(counts))
})
