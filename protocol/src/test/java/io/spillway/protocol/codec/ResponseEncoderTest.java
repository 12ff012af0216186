package io.spillway.protocol.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.FetchResponseData.FetchableTopicResponse;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ResponseEncoderTest {

  private static final short FETCH = 17;

  private final PooledByteBufAllocator allocator =
      new PooledByteBufAllocator(true, 0, 1, 8192, 6, 0, 0, false);
  private final ResponseEncoder encoder = new ResponseEncoder(allocator);

  @AfterEach
  void nothingIsLeft() {
    assertThat(allocator.pinnedDirectMemory()).isZero();
  }

  private static byte[] drain(List<ByteBuf> parts) {
    ByteBuffer all = ByteBuffer.allocate(parts.stream().mapToInt(ByteBuf::readableBytes).sum());
    for (ByteBuf part : parts) {
      all.put(part.nioBuffer());
      part.release();
    }
    return all.array();
  }

  /** The same by kafka-clients' own writer. */
  private static byte[] reference(ApiKeys api, short version, int correlationId, ApiMessage body) {
    short headerVersion = api.responseHeaderVersion(version);
    ResponseHeaderData header = new ResponseHeaderData().setCorrelationId(correlationId);
    ObjectSerializationCache cache = new ObjectSerializationCache();
    int size = header.size(cache, headerVersion) + body.size(cache, version);
    ByteBuffer out = ByteBuffer.allocate(4 + size).putInt(size);
    ByteBufferAccessor accessor = new ByteBufferAccessor(out);
    header.write(accessor, cache, headerVersion);
    body.write(accessor, cache, version);
    return out.array();
  }

  @ParameterizedTest
  @EnumSource(ApiKeys.class)
  void writesEveryVersionOfEveryResponseAsKafkaDoes(ApiKeys api) {
    if (!api.hasValidVersion()) {
      return;
    }
    for (short version = api.oldestVersion(); version <= api.latestVersion(); version++) {
      ApiMessage body = api.messageType.newResponse();
      assertThat(drain(encoder.encode(api, version, 77, body)))
          .as("%s v%d", api, version)
          .isEqualTo(reference(api, version, 77, body));
    }
  }

  private static MemoryRecords records(int valueBytes) {
    return MemoryRecords.withRecords(
        Compression.NONE,
        new SimpleRecord(1L, "k".getBytes(StandardCharsets.UTF_8), new byte[valueBytes]));
  }

  private static FetchResponseData fetched(List<? extends BaseRecords> records) {
    FetchableTopicResponse topic = new FetchableTopicResponse().setTopicId(new Uuid(1, 2));
    List<PartitionData> partitions = new ArrayList<>();
    for (BaseRecords each : records) {
      partitions.add(new PartitionData().setPartitionIndex(partitions.size()).setRecords(each));
    }
    topic.setPartitions(partitions);
    return new FetchResponseData().setResponses(List.of(topic));
  }

  @Test
  void recordsGoOutAsTheBuffersTheyLieIn() {
    ByteBuffer direct = ByteBuffer.allocateDirect(100_000);
    MemoryRecords whole = records(100_000 - 80);
    direct.put(whole.buffer().duplicate()).flip();
    RecordSlices slices =
        new RecordSlices(
            List.of(direct.slice(0, 50_000), direct.slice(50_000, direct.limit() - 50_000)));
    List<ByteBuf> parts = encoder.encode(ApiKeys.FETCH, FETCH, 1, fetched(List.of(slices)));
    assertThat(parts).hasSize(4);
    direct.put(0, (byte) 99);
    assertThat(parts.get(1).getByte(0)).as("the same memory").isEqualTo((byte) 99);
    direct.put(0, (byte) 0);
    assertThat(drain(parts)).isEqualTo(reference(ApiKeys.FETCH, FETCH, 1, fetched(List.of(whole))));
  }

  @Test
  void manyPartitionsOfAllSizesAreEqualToKafkasBytes() {
    List<BaseRecords> ours = new ArrayList<>();
    List<BaseRecords> kafkas = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      MemoryRecords records = records(i * 37);
      kafkas.add(records);
      ours.add(
          switch (i % 3) {
            case 0 -> records;
            case 1 -> new RecordSlices(List.of(records.buffer()));
            default -> {
              ByteBuffer all = records.buffer();
              yield new RecordSlices(
                  List.of(all.slice(0, 20), all.slice(20, all.remaining() - 20)));
            }
          });
    }
    assertThat(drain(encoder.encode(ApiKeys.FETCH, FETCH, 1, fetched(ours))))
        .isEqualTo(reference(ApiKeys.FETCH, FETCH, 1, fetched(kafkas)));
  }

  @Test
  void aResponseThatDoesNotFitItsVersionLeavesNothingAllocated() {
    ProduceResponseData body = new ProduceResponseData();
    body.responses().add(new ProduceResponseData.TopicProduceResponse().setTopicId(new Uuid(3, 4)));
    assertThatThrownBy(() -> encoder.encode(ApiKeys.PRODUCE, (short) 99, 1, body))
        .isInstanceOf(RuntimeException.class);
    ByteBuffer moved = ByteBuffer.allocate(1000);
    RecordSlices slices = new RecordSlices(List.of(moved));
    slices.buffers().get(0).position(10);
    assertThatThrownBy(() -> encoder.encode(ApiKeys.FETCH, FETCH, 1, fetched(List.of(slices))))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("announced");
  }
}
