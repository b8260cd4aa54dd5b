// The AWS clients of JavaScript against the local network, as the existing tool uses them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DynamoDBClient, ListTablesCommand, PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { SQSClient, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { start } from './network.mjs'

let network
before(async () => { network = await start() })
after(() => network.stop())

const settings = (endpoint) => ({
  endpoint,
  region: network.env.AWS_REGION,
  credentials: {
    accessKeyId: network.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: network.env.AWS_SECRET_ACCESS_KEY,
  },
})

test('a key with a leading slash is another key than the one without', async () => {
  const s3 = new S3Client(settings(network.env.AWS_ENDPOINT_URL_S3))
  const Bucket = network.env.R2_DELEGATION_BUCKET_NAME
  await s3.send(new PutObjectCommand({ Bucket, Key: '/delegations/x.car', Body: 'with' }))
  await s3.send(new PutObjectCommand({ Bucket, Key: 'delegations/x.car', Body: 'without' }))
  const read = async (Key) =>
    (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToString()
  assert.equal(await read('/delegations/x.car'), 'with')
  assert.equal(await read('delegations/x.car'), 'without')
})

test('of many conditional writes of one key exactly one wins', async () => {
  const s3 = new S3Client(settings(network.env.AWS_ENDPOINT_URL_S3))
  const Bucket = network.env.R2_DELEGATION_BUCKET_NAME
  const put = (n) => s3.send(new PutObjectCommand({ Bucket, Key: 'race', Body: String(n), IfNoneMatch: '*' }))
  const outcomes = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => put(n)))
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1)
  for (const lost of outcomes.filter((outcome) => outcome.status === 'rejected')) {
    assert.equal(lost.reason.$metadata.httpStatusCode, 412)
  }
})

test('queues take messages of a group without a deduplication id', async () => {
  const sqs = new SQSClient(settings(network.env.AWS_ENDPOINT_URL_SQS))
  const QueueUrl = network.env.IPNI_STORE_PUBLISHING_QUEUE
  const body = JSON.stringify({ JobID: 'not-a-job' })
  const sent = await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, MessageGroupId: 'group' }))
  assert.ok(sent.MessageId)
})

test('tables page and query as in production', async () => {
  const dynamo = new DynamoDBClient(settings(network.env.AWS_ENDPOINT_URL_DYNAMODB))
  const TableName = network.env.UPLOAD_TABLE_NAME
  const { TableNames } = await dynamo.send(new ListTablesCommand({}))
  assert.ok(TableNames.includes(TableName))
  for (let n = 0; n < 5; n++) {
    const Item = { space: { S: 'did:key:zPages' }, root: { S: `root-${n}` }, shards: { SS: ['one', 'two'] } }
    await dynamo.send(new PutItemCommand({ TableName, Item }))
  }
  const seen = []
  let ExclusiveStartKey
  do {
    const page = await dynamo.send(new QueryCommand({
      TableName,
      KeyConditionExpression: '#space = :space',
      ExpressionAttributeNames: { '#space': 'space' },
      ExpressionAttributeValues: { ':space': { S: 'did:key:zPages' } },
      Limit: 2,
      ExclusiveStartKey,
    }))
    seen.push(...page.Items.map((item) => item.root.S))
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
  assert.deepEqual(seen, ['root-0', 'root-1', 'root-2', 'root-3', 'root-4'])
})
