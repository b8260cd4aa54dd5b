// Sterna on another AWS engine than the embedded one: its state, and one main job from setup to audit.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  BatchWriteItemCommand, CreateTableCommand, DescribeTableCommand, DynamoDBClient, ListTablesCommand, ScanCommand,
} from '@aws-sdk/client-dynamodb'
import {
  CreateBucketCommand, GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3'
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs'
import { startEngine, startRelay } from './engine.mjs'
import { start } from './network.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
let engine
before(async () => {
  engine = await startEngine()
})
after(() => engine.stop())

test('the suite of the shared state passes on the engine', () => {
  const ran = spawnSync('cargo', ['test', '--quiet', '--test', 'state'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, STERNA_TEST_DYNAMODB: engine.endpoint },
    maxBuffer: 1 << 26,
  })
  assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`)
})

test('setup, migrate and verify do on the engine what the world says', async () => {
  const network = await start()
  const relays = []
  try {
    network.sterna(['sandbox', 'seed', '--customers', '3', '--spaces', '5', '--uploads', '20'])
    const near = clients(network.env, (name) => network.env[`AWS_ENDPOINT_URL_${name}`])
    const far = clients(network.env, () => engine.endpoint)
    await copyTables(near.dynamodb, far.dynamodb)
    await copyBuckets(near.s3, far.s3, network.env.CARPARK_BUCKET)
    const queues = await makeQueues(far.sqs, network.env)

    const relay = async (name, repeats, elsewhere) => {
      const made = await startRelay(engine.endpoint, network.env[`AWS_ENDPOINT_URL_${name}`], { repeats, elsewhere })
      relays.push(made)
      return made.endpoint
    }
    const target = ({ headers }) => headers['x-amz-target'] ?? ''
    // The upload service allocates what Sterna uploads, so one row of an allocation is read where that service writes.
    const dynamodb = await relay('DYNAMODB', (incoming, body) =>
      /\.(PutItem|UpdateItem|DeleteItem|BatchWriteItem)$/.test(target(incoming)) && body.includes('"local-w3infra-'),
    (incoming, body) => /\.GetItem$/.test(target(incoming)) && body.includes('"local-w3infra-allocation"'))
    const s3 = await relay('S3', ({ method }) => method === 'PUT' || method === 'DELETE')
    const sqs = await relay('SQS', (incoming) => /\.SendMessage(Batch)?$/.test(target(incoming)))
    const moved = (url) => url.replace(network.env.AWS_ENDPOINT_URL_SQS, sqs)
    const env = {
      ...network.env,
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
      AWS_ENDPOINT_URL_S3: s3,
      R2_ENDPOINT: s3,
      AWS_ENDPOINT_URL_SQS: sqs,
      IPNI_BLOB_PUBLISHING_QUEUE: moved(network.env.IPNI_BLOB_PUBLISHING_QUEUE),
      IPNI_STORE_PUBLISHING_QUEUE: moved(network.env.IPNI_STORE_PUBLISHING_QUEUE),
    }
    const file = join(network.dir, 'engine.env')
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(file, lines.join(''), { mode: 0o600 })
    const sterna = (args, code = 0) => run(network.dir, ['--env-file', file, ...args], code)

    await sterna(['init'])
    await sterna(['setup', '--instances', '1'])
    const customers = join(network.dir, 'instance-1-customers.json')
    const report = await sterna(['migrate', '--customers-file', customers], 3)

    const world = JSON.parse(readFileSync(join(network.dir, 'local', 'world.json'), 'utf8'))
    const wanted = {}
    let good = 0
    for (const { expected } of world.uploads) {
      if (expected.failed) wanted[expected.failed] = (wanted[expected.failed] ?? 0) + 1
      else good += 1
    }
    assert.deepEqual({ ...report.failures }, wanted)
    assert.equal(report.counts.done, good)
    const audit = await sterna(['verify', '--customers-file', customers], 4)
    assert.equal(audit.verdicts.ok, good)
    assert.equal(audit.verdicts.could_not_tell, 0)

    for (const { faults, counts } of relays) {
      assert.deepEqual(faults, [])
      assert.ok(counts.answered > 0 && counts.repeated > 0, JSON.stringify(counts))
    }
    // Sterna's own state is on the engine and nowhere else.
    const { TableNames: here } = await near.dynamodb.send(new ListTablesCommand({}))
    assert.deepEqual(here.filter((name) => name.startsWith('local-migration-')), [])
    const progress = await rows(far.dynamodb, 'local-migration-progress')
    assert.ok(progress.length > 0 && progress.every(({ status }) => ['completed', 'failed'].includes(status.S)))
    const spaces = await rows(far.dynamodb, 'local-migration-spaces')
    assert.ok(spaces.length > 0 && spaces.every(({ status, delegated }) => status.S === 'provisioned' && delegated.BOOL))
    const queued = await Promise.all(queues.map((QueueUrl) => far.sqs.send(new GetQueueAttributesCommand({
      QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'],
    }))))
    assert.ok(queued.some(({ Attributes }) => Number(Attributes.ApproximateNumberOfMessages) > 0))
  } finally {
    await Promise.all(relays.map((relay) => relay.stop()))
    await network.stop()
  }
})

/** Runs the binary without holding up the relays; gives what it printed, or throws if it ended otherwise than with `code`. */
async function run(dir, args, code) {
  const binary = process.env.STERNA_BIN ?? join(root, 'target', 'debug', 'sterna')
  const child = spawn(binary, ['--state-dir', dir, '--output', 'json', ...args], { cwd: dir })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) child[name].on('data', (part) => { printed[name] += part })
  const ended = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(ended, code, `sterna ${args.join(' ')}\n${printed.stdout}\n${printed.stderr}`)
  return printed.stdout.trim() === '' ? undefined : JSON.parse(printed.stdout)
}

function clients(env, endpoint) {
  const at = (name) => ({
    endpoint: endpoint(name),
    region: env.AWS_REGION,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
  })
  return {
    dynamodb: new DynamoDBClient(at('DYNAMODB')),
    s3: new S3Client({ ...at('S3'), forcePathStyle: true }),
    sqs: new SQSClient(at('SQS')),
  }
}

async function rows(client, TableName) {
  const all = []
  let ExclusiveStartKey
  do {
    const page = await client.send(new ScanCommand({ TableName, ExclusiveStartKey }))
    all.push(...page.Items)
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
  return all
}

async function copyTables(from, to) {
  const { TableNames } = await from.send(new ListTablesCommand({}))
  for (const TableName of TableNames) {
    const { Table } = await from.send(new DescribeTableCommand({ TableName }))
    const { KeySchema, AttributeDefinitions, GlobalSecondaryIndexes } = Table
    await to.send(new CreateTableCommand({
      TableName,
      KeySchema,
      AttributeDefinitions,
      BillingMode: 'PAY_PER_REQUEST',
      GlobalSecondaryIndexes: GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }) =>
        ({ IndexName, KeySchema, Projection })),
    }))
    const all = await rows(from, TableName)
    while (all.length > 0) {
      const batch = all.splice(0, 25).map((Item) => ({ PutRequest: { Item } }))
      await to.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: batch } }))
    }
  }
}

/** All objects but those of the carpark, which is read through its public address. */
async function copyBuckets(from, to, carpark) {
  const { Buckets } = await from.send(new ListBucketsCommand({}))
  for (const { Name: Bucket } of Buckets) {
    await to.send(new CreateBucketCommand({ Bucket }))
    if (Bucket === carpark) continue
    let ContinuationToken
    do {
      const page = await from.send(new ListObjectsV2Command({ Bucket, ContinuationToken }))
      for (const { Key } of page.Contents ?? []) {
        const { Body } = await from.send(new GetObjectCommand({ Bucket, Key }))
        await to.send(new PutObjectCommand({ Bucket, Key, Body: await Body.transformToByteArray() }))
      }
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken)
  }
}

async function makeQueues(sqs, env) {
  const names = [env.IPNI_BLOB_PUBLISHING_QUEUE, env.IPNI_STORE_PUBLISHING_QUEUE].map((url) => url.split('/').pop())
  return Promise.all(names.map(async (QueueName) => {
    const Attributes = { FifoQueue: 'true', ContentBasedDeduplication: 'true', DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId' }
    return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl
  }))
}
