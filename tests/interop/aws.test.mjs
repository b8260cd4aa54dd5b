// The AWS clients of JavaScript against the local network, as the existing tool uses them and beyond.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  BatchGetItemCommand, BatchWriteItemCommand, ListTablesCommand, PutItemCommand, QueryCommand, ScanCommand,
  TransactWriteItemsCommand, UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import {
  CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { clients } from './aws.mjs'
import { start } from './network.mjs'

let network
let aws
before(async () => {
  network = await start()
  aws = clients(network)
})
after(() => network.stop())

const refused = (name, status) => (error) => {
  assert.equal(error.name, name)
  assert.equal(error.$metadata.httpStatusCode, status)
  return true
}

test('a key with a leading slash is another key than the one without', async () => {
  const Bucket = network.env.R2_DELEGATION_BUCKET_NAME
  await aws.r2.send(new PutObjectCommand({ Bucket, Key: '/delegations/x.car', Body: 'with' }))
  await aws.r2.send(new PutObjectCommand({ Bucket, Key: 'delegations/x.car', Body: 'without' }))
  const read = async (Key) =>
    (await aws.r2.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToString()
  assert.equal(await read('/delegations/x.car'), 'with')
  assert.equal(await read('delegations/x.car'), 'without')
  const listed = await aws.r2.send(new ListObjectsV2Command({ Bucket, Prefix: '/delegations/' }))
  assert.deepEqual(listed.Contents.map(({ Key }) => Key), ['/delegations/x.car'])
})

test('of many conditional writes of one key exactly one wins', async () => {
  const Bucket = network.env.R2_DELEGATION_BUCKET_NAME
  const put = (n) => aws.s3.send(new PutObjectCommand({ Bucket, Key: 'race', Body: String(n), IfNoneMatch: '*' }))
  const outcomes = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => put(n)))
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1)
  for (const lost of outcomes.filter((outcome) => outcome.status === 'rejected')) {
    assert.equal(lost.reason.$metadata.httpStatusCode, 412)
  }
})

test('a write that expects a version fails once there is another', async () => {
  const Bucket = network.env.R2_DELEGATION_BUCKET_NAME
  const put = (Body, more) => aws.s3.send(new PutObjectCommand({ Bucket, Key: 'versions', Body, ...more }))
  const first = await put('one')
  const second = await put('two', { IfMatch: first.ETag })
  assert.notEqual(second.ETag, first.ETag)
  await assert.rejects(put('three', { IfMatch: first.ETag }), refused('PreconditionFailed', 412))
})

test('a bucket is listed page by page', async () => {
  const Bucket = network.env.REPORTS_BUCKET_NAME
  const keys = Array.from({ length: 7 }, (_, n) => `pages/${n}/with space+%2F`)
  for (const Key of [...keys, 'other']) await aws.s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }))
  const seen = []
  let pages = 0
  let ContinuationToken
  do {
    const page = await aws.s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'pages/', MaxKeys: 2, ContinuationToken }))
    seen.push(...page.Contents.map(({ Key }) => Key))
    ContinuationToken = page.NextContinuationToken
    assert.equal(Boolean(ContinuationToken), page.IsTruncated)
    pages += 1
  } while (ContinuationToken)
  assert.deepEqual(seen, keys)
  assert.equal(pages, 4)
  const folders = await aws.s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'pages/', Delimiter: '/' }))
  assert.equal(folders.CommonPrefixes.length, 7)
})

test('a queue drops a message that it has, by its content', async () => {
  // The queues of the network are emptied as they fill, so this looks into one of its own.
  const { QueueUrl } = await aws.sqs.send(new CreateQueueCommand({
    QueueName: 'own.fifo', Attributes: { FifoQueue: 'true', ContentBasedDeduplication: 'true' },
  }))
  const send = (MessageBody) => aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId: 'group' }))
  const [first, again, other] = [await send('body'), await send('body'), await send('other')]
  assert.equal(again.MessageId, first.MessageId)
  assert.notEqual(other.MessageId, first.MessageId)
  assert.ok(BigInt(other.SequenceNumber) > BigInt(first.SequenceNumber))
  const { Messages } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  assert.deepEqual(Messages.map(({ Body }) => Body), ['body', 'other'])
  const { Attributes } = await aws.sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
  assert.equal(Attributes.ContentBasedDeduplication, 'true')
})

test('a batch of messages tells of each entry what became of it', async () => {
  const QueueUrl = network.env.IPNI_STORE_PUBLISHING_QUEUE
  const entry = (n, more) => ({ Id: String(n), MessageBody: `entry ${n}`, MessageGroupId: `group ${n}`, ...more })
  const sent = await aws.sqs.send(new SendMessageBatchCommand({
    QueueUrl, Entries: [entry(1), entry(2), entry(3, { MessageGroupId: undefined })],
  }))
  assert.deepEqual(sent.Successful.map(({ Id }) => Id), ['1', '2'])
  assert.deepEqual(sent.Failed.map(({ Id, SenderFault }) => [Id, SenderFault]), [['3', true]])
  const many = Array.from({ length: 11 }, (_, n) => entry(n))
  await assert.rejects(aws.sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: many })), (error) => {
    assert.match(error.name, /TooManyEntriesInBatchRequest/)
    return true
  })
})

const upload = (n) => ({ space: { S: 'did:key:zPages' }, root: { S: `root-${n}` }, shards: { SS: ['one', 'two'] } })

test('tables page, query and scan as in production', async () => {
  const TableName = network.env.UPLOAD_TABLE_NAME
  const { TableNames } = await aws.dynamo.send(new ListTablesCommand({}))
  assert.ok(TableNames.includes(TableName))
  for (let n = 0; n < 5; n++) await aws.dynamo.send(new PutItemCommand({ TableName, Item: upload(n) }))
  const all = ['root-0', 'root-1', 'root-2', 'root-3', 'root-4']
  const pages = async (ask) => {
    const seen = []
    let ExclusiveStartKey
    do {
      const page = await aws.dynamo.send(ask(ExclusiveStartKey))
      assert.ok(page.Items.length <= 2)
      seen.push(...page.Items.map((item) => item.root.S))
      ExclusiveStartKey = page.LastEvaluatedKey
    } while (ExclusiveStartKey)
    return seen
  }
  assert.deepEqual(await pages((ExclusiveStartKey) => new QueryCommand({
    TableName,
    KeyConditionExpression: '#space = :space',
    ExpressionAttributeNames: { '#space': 'space' },
    ExpressionAttributeValues: { ':space': { S: 'did:key:zPages' } },
    Limit: 2,
    ExclusiveStartKey,
  })), all)
  assert.deepEqual((await pages((ExclusiveStartKey) => new ScanCommand({ TableName, Limit: 2, ExclusiveStartKey }))).sort(), all)
  const segments = await Promise.all([0, 1, 2].map((Segment) =>
    pages((ExclusiveStartKey) => new ScanCommand({ TableName, Limit: 2, Segment, TotalSegments: 3, ExclusiveStartKey }))))
  assert.deepEqual(segments.flat().sort(), all)
})

test('a failed condition tells what is there, and a transaction changes all or nothing', async () => {
  const TableName = network.env.CONSUMER_TABLE_NAME
  const Key = { subscription: { S: 'conditions' }, provider: { S: 'did:web:one' } }
  const put = (Item, more) => ({ TableName, Item, ConditionExpression: 'attribute_not_exists(subscription)', ...more })
  await aws.dynamo.send(new PutItemCommand(put({ ...Key, consumer: { S: 'did:key:zOne' } })))
  await assert.rejects(
    aws.dynamo.send(new PutItemCommand(put(Key, { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' }))),
    (error) => {
      assert.equal(error.name, 'ConditionalCheckFailedException')
      assert.equal(error.Item.consumer.S, 'did:key:zOne')
      return true
    },
  )
  const second = { ...Key, provider: { S: 'did:web:two' } }
  const both = new TransactWriteItemsCommand({ TransactItems: [{ Put: put(second) }, { Put: put(Key) }] })
  await assert.rejects(aws.dynamo.send(both), (error) => {
    assert.equal(error.name, 'TransactionCanceledException')
    assert.deepEqual(error.CancellationReasons.map(({ Code }) => Code), ['None', 'ConditionalCheckFailed'])
    return true
  })
  const { Attributes } = await aws.dynamo.send(new UpdateItemCommand({
    TableName, Key: second, UpdateExpression: 'ADD hits :one', ExpressionAttributeValues: { ':one': { N: '1' } }, ReturnValues: 'ALL_NEW',
  }))
  assert.deepEqual(Attributes, { ...second, hits: { N: '1' } })
})

test('batches of items say what was left over, and have the limits of production', async () => {
  const TableName = network.env.STORE_TABLE_NAME
  const item = (n) => ({ space: { S: 'did:key:zBatch' }, link: { S: `link-${n}` }, size: { N: String(n) } })
  const write = (count) => new BatchWriteItemCommand({
    RequestItems: { [TableName]: Array.from({ length: count }, (_, n) => ({ PutRequest: { Item: item(n) } })) },
  })
  assert.deepEqual((await aws.dynamo.send(write(25))).UnprocessedItems, {})
  await assert.rejects(aws.dynamo.send(write(26)), refused('ValidationException', 400))
  const get = (count) => new BatchGetItemCommand({
    RequestItems: { [TableName]: { Keys: Array.from({ length: count }, (_, n) => ({ space: item(n).space, link: item(n).link })) } },
  })
  const got = await aws.dynamo.send(get(30))
  assert.equal(got.Responses[TableName].length, 25)
  assert.deepEqual(got.UnprocessedKeys, {})
  await assert.rejects(aws.dynamo.send(get(101)), refused('ValidationException', 400))
})
