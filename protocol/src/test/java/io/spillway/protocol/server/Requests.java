package io.spillway.protocol.server;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceRequestData.PartitionProduceData;
import org.apache.kafka.common.message.ProduceRequestData.TopicProduceData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** Requests and responses that tests send. */
final class Requests {

  static final short PRODUCE_VERSION = 13;
  static final short METADATA_VERSION = 12;
  static final Uuid TOPIC = new Uuid(1, 2);

  private Requests() {}

  static MemoryRecords records(int valueBytes) {
    byte[] value = new byte[valueBytes];
    Arrays.fill(value, (byte) 7);
    return MemoryRecords.withRecords(
        Compression.NONE, new SimpleRecord(1L, "key".getBytes(StandardCharsets.UTF_8), value));
  }

  static ProduceRequestData produce(int acks, MemoryRecords records) {
    ProduceRequestData data = new ProduceRequestData().setAcks((short) acks).setTimeoutMs(30_000);
    TopicProduceData topic = new TopicProduceData().setTopicId(TOPIC);
    topic.setPartitionData(List.of(new PartitionProduceData().setIndex(0).setRecords(records)));
    data.topicData().add(topic);
    return data;
  }

  static ByteBuffer producedBytes(KafkaRequest request) {
    ProduceRequestData data = (ProduceRequestData) request.body();
    return ((MemoryRecords) data.topicData().iterator().next().partitionData().get(0).records())
        .buffer();
  }

  static ProduceResponseData produceResponse(int throttleMs) {
    return new ProduceResponseData().setThrottleTimeMs(throttleMs);
  }

  static MetadataRequestData metadata() {
    return new MetadataRequestData().setTopics(List.of());
  }

  static MetadataResponseData metadataResponse(String clusterId) {
    return new MetadataResponseData().setClusterId(clusterId);
  }
}
