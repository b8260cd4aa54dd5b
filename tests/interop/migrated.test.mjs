// What Sterna published, read back by the network's own libraries.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { CarIndexer } from '@ipld/car'
import { ShardedDAGIndex } from '@storacha/blob-index'
import { bytesToDelegations } from '@storacha/access/encoding'
import { CID } from 'multiformats/cid'
import { base58btc } from 'multiformats/bases/base58'
import { equals } from 'multiformats/bytes'
import { sha256 } from 'multiformats/hashes/sha2'
import { connect } from '@ucanto/client'
import { Verifier } from '@ucanto/principal'
import * as Signer from '@ucanto/principal/ed25519'
import { CAR, HTTP } from '@ucanto/transport'
import * as DID from '@ipld/dag-ucan/did'
import { UCAN, invoke } from '@ucanto/core'
import { Client as IndexingClient } from '@storacha/indexing-service-client'
import { clients } from './aws.mjs'
import { start } from './network.mjs'

let network
let uploads
before(async () => {
  network = await start()
  network.sterna(['sandbox', 'seed', '--customers', '3', '--spaces', '5', '--uploads', '30'])
  network.sterna(['init'])
  network.sterna(['setup', '--instances', '1'])
  network.sterna(
    ['migrate', '--customers-file', join(network.dir, 'instance-1-customers.json')],
    { codes: [0, 3] },
  )
  uploads = JSON.parse(readFileSync(join(network.dir, 'local', 'world.json'), 'utf8')).uploads
})
after(() => network.stop())

const query = async (hashes, spaces) => {
  const client = new IndexingClient({ serviceURL: new URL(network.env.INDEXING_SERVICE_URL) })
  const answer = await client.queryClaims({ hashes, match: spaces && { subject: spaces }, kind: 'standard' })
  assert.ok(answer.ok, String(answer.error))
  return answer.ok
}

test('the indexing client finds the space in a claim of every shard of every migrated upload', async () => {
  const migrated = uploads.filter((upload) => upload.expected === 'migrated')
  assert.ok(migrated.length > 0)
  for (const upload of migrated) {
    for (const shard of upload.shards.map((text) => CID.parse(text))) {
      const { claims } = await query([shard.multihash], [upload.space])
      const named = [...claims.values()].filter((claim) =>
        claim.type === 'assert/location' && claim.space && DID.from(claim.space).did() === upload.space)
      assert.ok(named.length > 0, `${upload.root}: ${shard} has no claim that names the space`)
      assert.equal(named[0].range.offset, 0)
    }
  }
})

test('the index library reads the index of every migrated upload and finds its shards in it', async () => {
  for (const upload of uploads.filter((upload) => upload.expected === 'migrated')) {
    const root = CID.parse(upload.root)
    const { indexes } = await query([root.multihash])
    const shards = upload.shards.map((text) => CID.parse(text).multihash)
    const covering = [...indexes.values()].find((index) => shards.every((shard) => index.shards.has(shard)))
    assert.ok(covering, `${upload.root}: no index covers its shards`)
    const slices = covering.shards.get(shards[0])
    assert.ok(slices.size > 0)
    assert.ok(equals(covering.content.multihash.bytes, root.multihash.bytes))
  }
})

test('the index of every migrated upload agrees with its shards, slice for slice', async () => {
  let slices = 0
  for (const upload of uploads.filter((upload) => upload.expected === 'migrated')) {
    const root = CID.parse(upload.root)
    const { claims, indexes } = await query([root.multihash])
    const shards = upload.shards.map((text) => CID.parse(text))
    // As stored: every byte of the archive, by the library's own writer, under the digest that the claim names.
    const covering = [...indexes.values()].find((index) => shards.every(({ multihash }) => index.shards.has(multihash)))
    const archive = (await covering.archive()).ok
    const digest = await sha256.digest(archive)
    const named = [...claims.values()].filter((claim) => claim.type === 'assert/index').map((claim) => claim.index)
    assert.ok(named.some((link) => equals(link.multihash.bytes, digest.bytes)), `${upload.root}: another archive`)
    const extracted = ShardedDAGIndex.extract(archive)
    assert.ok(extracted.ok, String(extracted.error))
    assert.equal(extracted.ok.shards.size, new Set(upload.shards).size)

    for (const shard of shards) {
      const bytes = await content(shard)
      const expected = new Map([[base58btc.encode(shard.multihash.bytes), [0, bytes.length]]])
      for await (const { cid, blockOffset, blockLength } of await CarIndexer.fromBytes(bytes)) {
        expected.set(base58btc.encode(cid.multihash.bytes), [blockOffset, blockLength])
      }
      const found = extracted.ok.shards.get(shard.multihash)
      const got = new Map([...found.entries()].map(([digest, at]) => [base58btc.encode(digest.bytes), [...at]]))
      assert.deepEqual([...got].sort(), [...expected].sort(), `${upload.root}: ${shard}`)
      slices += got.size
    }
  }
  assert.ok(slices > uploads.length, `${slices} slices`)
})

/** The bytes of a shard, of whichever protocol. */
async function content(shard) {
  const hash = base58btc.encode(shard.multihash.bytes)
  for (const path of [`${hash}/${hash}.blob`, `${shard}/${shard}.car`]) {
    const answer = await fetch(`${network.env.CARPARK_PUBLIC_URL}/${path}`)
    if (answer.ok) return new Uint8Array(await answer.arrayBuffer())
  }
  throw new Error(`no object of ${shard}`)
}

test('every published claim is a delegation with a valid signature', async () => {
  let checked = 0
  for (const upload of uploads.filter((upload) => upload.expected === 'migrated')) {
    const { claims } = await query([...upload.shards, upload.root].map((text) => CID.parse(text).multihash))
    for (const claim of claims.values()) {
      const delegation = await claim.delegation()
      const verifier = await verifierOf(delegation.issuer.did())
      assert.ok(await UCAN.verifySignature(delegation.data, verifier), `${delegation.cid} by ${verifier.did()}`)
      checked += 1
    }
  }
  assert.ok(checked > uploads.length, `${checked} claims`)
})

test('the delegations that a migration stores are read and verified', async () => {
  const { env } = network
  const { dynamo, r2 } = clients(network)
  const { Items } = await dynamo.send(new ScanCommand({ TableName: env.DELEGATION_TABLE_NAME }))
  const { Items: spaces } = await dynamo.send(new ScanCommand({ TableName: env.MIGRATION_SPACES_TABLE_NAME }))
  assert.ok(spaces.length > 0)
  for (const { migrationSpace, customer } of spaces) {
    const row = Items.find((item) => item.issuer.S === migrationSpace.S)
    assert.ok(row, `${migrationSpace.S} delegates nothing`)
    const object = await r2.send(new GetObjectCommand({
      Bucket: env.R2_DELEGATION_BUCKET_NAME, Key: `/delegations/${row.link.S}.car`,
    }))
    const [delegation] = bytesToDelegations(await object.Body.transformToByteArray())
    assert.equal(delegation.cid.toString(), row.link.S)
    assert.equal(delegation.audience.did(), customer.S)
    assert.ok(await UCAN.verifySignature(delegation.data, Verifier.parse(delegation.issuer.did())))
  }
})

/** The verifier of a DID; that of a did:web from its DID document. */
async function verifierOf(did) {
  if (did.startsWith('did:key:')) return Verifier.parse(did)
  const { env } = network
  const urls = {
    [env.UPLOAD_SERVICE_DID]: env.UPLOAD_SERVICE_URL,
    [env.INDEXING_SERVICE_DID]: env.INDEXING_SERVICE_URL,
    [env.GATEWAY_SERVICE_DID]: env.GATEWAY_SERVICE_URL,
  }
  assert.ok(urls[did], `${did} is no service of the network`)
  const document = await (await fetch(new URL('/.well-known/did.json', urls[did]))).json()
  return Verifier.parse(`did:key:${document.verificationMethod[0].publicKeyMultibase}`).withDID(did)
}

test('the receipt of every service is read and verified, of a refusal too', async () => {
  const { env } = network
  const agent = await Signer.generate()
  const services = [
    [env.UPLOAD_SERVICE_URL, env.UPLOAD_SERVICE_DID, 'space/blob/list'],
    [env.INDEXING_SERVICE_URL, env.INDEXING_SERVICE_DID, 'assert/equals'],
    [env.GATEWAY_SERVICE_URL, env.GATEWAY_SERVICE_DID, 'access/delegate'],
    [env.PIRI_SERVICE_URL, null, 'blob/allocate'],
  ]
  for (const [url, did, can] of services) {
    const id = did ? DID.parse(did) : DID.parse(await nodeDID())
    const link = CID.createV1(0x55, await sha256.digest(new Uint8Array([1])))
    const nb = can === 'assert/equals' ? { content: { digest: link.multihash.bytes }, equals: link } : {}
    const about = { issuer: agent, audience: id, capability: { can, with: agent.did(), nb } }
    const verifier = await verifierOf(id.did())
    const connection = connect({ id, codec: CAR.outbound, channel: HTTP.open({ url: new URL(url), method: 'POST' }) })
    const outcomes = []
    for (const expiration of [undefined, 1]) {
      const invocation = await invoke({ ...about, expiration }).delegate()
      const [receipt] = await connection.execute(invocation)
      assert.equal(receipt.ran.link().toString(), invocation.cid.toString())
      const verified = await receipt.verifySignature(verifier)
      assert.ok(verified.ok, `${can}: ${verified.error}`)
      outcomes.push(receipt.out)
    }
    assert.equal(outcomes[1].error?.name, 'Unauthorized', can)
    if (can === 'space/blob/list' || can === 'assert/equals') assert.ok(outcomes[0].ok, JSON.stringify(outcomes[0]))
  }
})

/** The did:key under which the storage node claims. */
async function nodeDID() {
  const upload = uploads.find((upload) => upload.expected === 'migrated')
  const { claims } = await query([CID.parse(upload.root).multihash])
  const index = [...claims.values()].find((claim) => claim.type === 'assert/index')
  const located = await query([index.index.multihash])
  const claim = [...located.claims.values()].find((claim) => claim.type === 'assert/location')
  return (await claim.delegation()).issuer.did()
}

test('a damaged upload and one without its blob are not claimed', async () => {
  const damaged = uploads.filter((upload) => ['CORRUPT_CAR', 'MISSING_BLOB'].includes(upload.expected?.failed))
  assert.equal(damaged.length, 2)
  for (const upload of damaged) {
    const { claims } = await query([CID.parse(upload.root).multihash])
    assert.equal(claims.size, 0, `${upload.root} is claimed`)
  }
})
