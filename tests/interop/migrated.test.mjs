// What Sterna published, read back by the network's own libraries.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CID } from 'multiformats/cid'
import { equals } from 'multiformats/bytes'
import * as Delegation from '@ucanto/core/delegation'
import { Verifier } from '@ucanto/principal'
import * as DID from '@ipld/dag-ucan/did'
import { UCAN } from '@ucanto/core'
import { Client as IndexingClient } from '@storacha/indexing-service-client'
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

test('every published claim is a delegation with a valid signature', async () => {
  const upload = uploads.find((upload) => upload.expected === 'migrated')
  const { claims } = await query(upload.shards.map((text) => CID.parse(text).multihash))
  let checked = 0
  for (const claim of claims.values()) {
    const delegation = claim.delegation ? await claim.delegation() : undefined
    if (!delegation) continue
    const issuer = delegation.issuer.did()
    const key = issuer.startsWith('did:key:') ? issuer : await resolve(issuer)
    if (!key) continue
    const verifier = issuer === key ? Verifier.parse(key) : Verifier.parse(key).withDID(issuer)
    assert.ok(await UCAN.verifySignature(delegation.data, verifier), `${delegation.cid} by ${issuer}`)
    checked += 1
  }
  assert.ok(checked > 0, 'no claim could be checked')
})

/** The key behind a did:web of the local network, from its DID document. */
async function resolve(did) {
  const { env } = network
  const services = { [env.UPLOAD_SERVICE_DID]: env.UPLOAD_SERVICE_URL, [env.INDEXING_SERVICE_DID]: env.INDEXING_SERVICE_URL }
  if (!services[did]) return undefined
  const document = await (await fetch(new URL('/.well-known/did.json', services[did]))).json()
  return `did:key:${document.verificationMethod[0].publicKeyMultibase}`
}

test('a damaged upload and one without its blob are not claimed', async () => {
  const damaged = uploads.filter((upload) => ['CORRUPT_CAR', 'MISSING_BLOB'].includes(upload.expected?.failed))
  assert.equal(damaged.length, 2)
  for (const upload of damaged) {
    const { claims } = await query([CID.parse(upload.root).multihash])
    assert.equal(claims.size, 0, `${upload.root} is claimed`)
  }
})
