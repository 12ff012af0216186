// Gives kafkajs, which brings gzip alone, the codecs that Kafka has besides.
const { CompressionCodecs, CompressionTypes } = require('kafkajs');
const snappy = require('kafkajs-snappy');
const lz4 = require('lz4js');
const { hash } = require('lz4js/xxh32');
const { ZstdCodec } = require('zstd-codec');

const zstd = new Promise((resolve) => ZstdCodec.run((loaded) => resolve(new loaded.Streaming())));

// lz4js writes blocks of 4 MiB and does not say that they are independent, which Kafka's clients
// demand; one block is. Descriptor: flags, block size, second byte of its checksum.
function lz4Frame(bytes) {
  const frame = Buffer.from(lz4.compress(bytes));
  frame[4] |= 0x20;
  frame[6] = (hash(0, frame, 4, 2) >> 8) & 0xff;
  return frame;
}

CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => lz4Frame(encoder.buffer),
  decompress: async (bytes) => Buffer.from(lz4.decompress(bytes)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async (bytes) => Buffer.from((await zstd).decompress(bytes)),
});
