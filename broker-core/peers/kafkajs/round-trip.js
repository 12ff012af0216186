// A round trip through kafkajs: create a topic, produce with keys, headers, a tombstone and gzip,
// consume in a group, commit, look the offsets up. Prints `round trip ok` and the number of records.
const { Kafka, CompressionTypes, logLevel } = require('kafkajs');

const [bootstrap, topic] = process.argv.slice(2);
const kafka = new Kafka({ clientId: 'round-trip', brokers: [bootstrap], logLevel: logLevel.ERROR });
const COUNT = 300;

const valueOf = (i) => (i % 11 === 0 ? null : `value-${i}-${'x'.repeat(i * 10)}`);

async function main() {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });

  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const [from, compression] of [[0, CompressionTypes.None], [150, CompressionTypes.GZIP]]) {
    const messages = [];
    for (let i = from; i < from + 150; i++) {
      messages.push({ key: `key-${i}`, value: valueOf(i), partition: i % 2, headers: { n: `${i}` } });
    }
    await producer.send({ topic, messages, compression, acks: -1 });
  }
  await producer.disconnect();

  const groupId = `${topic}-group`;
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

  const ends = await admin.fetchTopicOffsets(topic);
  if (ends.reduce((sum, p) => sum + Number(p.high), 0) !== COUNT) {
    throw new Error(`end offsets are ${JSON.stringify(ends)}`);
  }
  const committed = await admin.fetchOffsets({ groupId, topics: [topic] });
  if (committed[0].partitions.reduce((sum, p) => sum + Number(p.offset), 0) !== COUNT) {
    throw new Error(`committed offsets are ${JSON.stringify(committed)}`);
  }
  await admin.deleteGroups([groupId]);
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  console.log(`round trip ok: ${seen.size}`);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
