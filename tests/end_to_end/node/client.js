// A client of kafkajs: produces, reads everything with two members of a group, and sends a copy in transactions of which
// one is aborted. Whatever it reads must be what it produced, each record once. Arguments: bootstrap address, tag of the
// payloads, topic, topic of the copy (both exist), group, transactional id.
'use strict'

const { randomBytes } = require('crypto')
const { readFileSync } = require('fs')
const { Kafka, logLevel } = require('kafkajs')

const RECORDS = 300
const LIMIT_MS = 100_000
// The authority that is believed; without one there is no TLS.
const AUTHORITY = process.env.KLAMM_E2E_CA

async function main([bootstrap, tag, topic, copy, group, transactionalId]) {
  const kafka = new Kafka({
    clientId: 'kafkajs-client',
    brokers: bootstrap.split(','),
    ssl: AUTHORITY && { ca: [readFileSync(AUTHORITY, 'utf-8')] },
    logLevel: logLevel.ERROR,
    // A node that does not know the new topics yet is asked again.
    retry: { initialRetryTime: 200, retries: 12 },
  })
  // So large, with a part that no codec makes small, that a partition is more than the gateway has buffers for.
  const values = Array.from({ length: RECORDS }, (_, n) => `${tag}-${n}-${randomBytes(2250).toString('base64')}`)

  const counts = await consume(kafka, group, topic, values, 2, async () => {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    await producer.send({ topic, acks: -1, messages: values.map((value, n) => ({ key: `key-${n}`, value })) })
    await producer.disconnect()
  })
  await copyInTransactions(kafka, transactionalId, copy, values)
  await consume(kafka, `${group}-copy`, copy, values, 1, async () => {})

  const admin = kafka.admin()
  await admin.connect()
  const { groups } = await admin.listGroups()
  for (const name of [group, `${group}-copy`]) {
    check(groups.some(({ groupId }) => groupId === name), `${name} is not among the groups`)
  }
  const listed = await admin.listTopics()
  check(listed.includes(topic) && listed.includes(copy), `${topic} and ${copy} are not among ${listed}`)
  await admin.disconnect()
  console.log(`${RECORDS} records, ${counts.join(' and ')} by the members`)
}

/**
 * Reads until each value came once, with that many members of a group; produces when each of them has partitions, so that
 * no rebalance hands a record to two of them. Gives how many records each had.
 */
async function consume(kafka, groupId, topic, values, members, produce) {
  const missing = new Set(values)
  const counts = new Array(members).fill(0)
  const consumers = counts.map(() => kafka.consumer({ groupId, sessionTimeout: 10_000, rebalanceTimeout: 10_000 }))
  await Promise.all(consumers.map((consumer) => consumer.connect()))
  await Promise.all(consumers.map((consumer) => consumer.subscribe({ topics: [topic], fromBeginning: true })))
  const assigned = consumers.map((consumer) => new Promise((done) => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => payload.memberAssignment[topic]?.length && done())
  }))
  await new Promise((done, failed) => {
    consumers.forEach((consumer, member) => {
      const eachMessage = async ({ message }) => {
        const value = message.value.toString()
        if (!missing.delete(value)) failed(new Error(`${value.slice(0, 40)} was read twice, or is not ours`))
        counts[member] += 1
        if (missing.size === 0) done()
      }
      consumer.run({ eachMessage }).catch(failed)
    })
    Promise.all(assigned).then(produce).catch(failed)
  })
  await Promise.all(consumers.map((consumer) => consumer.disconnect()))
  return counts
}

async function copyInTransactions(kafka, transactionalId, topic, values) {
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const half = values.length / 2
  const send = async (transaction, values) => {
    await transaction.send({ topic, messages: values.map((value) => ({ key: value.slice(0, 20), value })) })
  }
  const first = await producer.transaction()
  await send(first, values.slice(0, half))
  await first.commit()
  const aborted = await producer.transaction()
  await send(aborted, values)
  await aborted.abort()
  const last = await producer.transaction()
  await send(last, values.slice(half))
  await last.commit()
  await producer.disconnect()
}

function check(holds, sentence) {
  if (!holds) throw new Error(sentence)
}

setTimeout(() => {
  console.error(`not done within ${LIMIT_MS} ms`)
  process.exit(1)
}, LIMIT_MS).unref()

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error) => {
    console.error(error)
    process.exit(1)
  },
)
