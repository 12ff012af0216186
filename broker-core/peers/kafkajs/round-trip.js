// A round trip through kafkajs: create a topic, produce with every codec, with keys, headers,
// tombstones and values from one byte to the largest that a topic takes, consume in a group, commit,
// look the offsets up. Prints `round trip ok` and the number of records.
const { Kafka, CompressionTypes, logLevel } = require('kafkajs');
require('./codecs');

const [bootstrap, topic] = process.argv.slice(2);
const kafka = new Kafka({ clientId: 'round-trip', brokers: [bootstrap], logLevel: logLevel.ERROR });

const { None, GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
const CODECS = [None, GZIP, Snappy, LZ4, ZSTD];
const PER_CODEC = 60;
const LARGEST = CODECS.length * PER_CODEC;
const COUNT = LARGEST + 1;
const MAX_BATCH_BYTES = 1048588; // max.message.bytes, unless it is set

// The last two of each codec are of one byte and of a million; no codec makes that too large.
function valueOf(i) {
  if (i === LARGEST) {
    return 'm'.repeat(largestValueBytes(i));
  }
  switch (i % PER_CODEC) {
    case PER_CODEC - 2:
      return 'v';
    case PER_CODEC - 1:
      return 'v'.repeat(1_000_000);
    default:
      return i % 11 === 0 ? null : `value-${i}-${'x'.repeat(i * 10)}`;
  }
}

function messageOf(i, value = valueOf(i)) {
  return { key: `key-${i}`, value, partition: i % 2, headers: { n: `${i}` } };
}

// A batch of one uncompressed record: 61 bytes, three of the record's length, four of attributes,
// deltas and key length, the key, three of the value's length, the value, the count of headers,
// and one header with two lengths.
function largestValueBytes(i) {
  return MAX_BATCH_BYTES - (61 + 3 + 4 + `key-${i}`.length + 3 + 1 + 3 + `${i}`.length);
}

async function produce() {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [c, compression] of CODECS.entries()) {
    const all = [];
    for (let i = c * PER_CODEC; i < (c + 1) * PER_CODEC; i++) {
      all.push(messageOf(i));
    }
    // The large one goes alone: it does not fit with others.
    for (const messages of [all.slice(0, -1), all.slice(-1)]) {
      await producer.send({ topic, messages, compression, acks: -1 });
    }
  }
  await producer.send({ topic, messages: [messageOf(LARGEST)], compression: None, acks: -1 });
  await producer.disconnect();
}

async function oneByteMoreIsRefused() {
  const producer = kafka.producer();
  await producer.connect();
  const messages = [messageOf(LARGEST, valueOf(LARGEST) + 'm')];
  let refusal = null;
  try {
    await producer.send({ topic, messages, acks: -1 });
  } catch (e) {
    refusal = e.type;
  }
  if (refusal !== 'MESSAGE_TOO_LARGE') {
    throw new Error(`one byte above the maximum: ${refusal}`);
  }
  await producer.disconnect();
}

async function consume(groupId) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const seen = new Set();
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`saw only ${seen.size} records`)), 60000);
    consumer.run({
      eachMessage: async ({ message }) => {
        const i = Number(message.headers.n.toString());
        const value = message.value === null ? null : message.value.toString();
        if (message.key.toString() !== `key-${i}` || value !== valueOf(i)) {
          reject(new Error(`record ${i} is not what was sent`));
        }
        seen.add(i);
        if (seen.size === COUNT) {
          clearTimeout(timer);
          resolve();
        }
      },
    });
  });
  await consumer.disconnect();
}

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  const spare = `${topic}-spare`;
  await admin.createTopics({
    topics: [{ topic, numPartitions: 2 }, { topic: spare }],
    waitForLeaders: true,
  });

  const groupId = `${topic}-group`;
  await produce();
  await oneByteMoreIsRefused();
  await consume(groupId);

  const ends = await admin.fetchTopicOffsets(topic);
  if (ends.reduce((sum, p) => sum + Number(p.high), 0) !== COUNT) {
    throw new Error(`end offsets are ${JSON.stringify(ends)}`);
  }
  const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
  if (committed[0].partitions.reduce((sum, p) => sum + Number(p.offset), 0) !== COUNT) {
    throw new Error(`committed offsets are ${JSON.stringify(committed)}`);
  }
  await admin.deleteGroups([groupId]);
  await admin.deleteTopics({ topics: [spare] });
  await admin.disconnect();
  console.log(`round trip ok: ${COUNT}`);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
