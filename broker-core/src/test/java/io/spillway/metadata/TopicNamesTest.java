package io.spillway.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.common.internals.Topic;
import org.junit.jupiter.api.Test;

class TopicNamesTest {

  @Test
  void namesAreValidWhereKafkaTakesThem() {
    Stream<String> everyCharacter =
        IntStream.rangeClosed(0, 0xffff).mapToObj(c -> "a" + (char) c + "b");
    Stream<String> lengths = IntStream.of(0, 1, 248, 249, 250).mapToObj("x"::repeat);
    Stream.of(everyCharacter, lengths, Stream.of(".", "..", "...", " ", "__x"))
        .flatMap(names -> names)
        .forEach(
            name -> assertThat(TopicNames.isValid(name)).as(name).isEqualTo(Topic.isValid(name)));
  }

  @Test
  void internalTopicsAreKafkas() {
    Stream.of(
            Topic.GROUP_METADATA_TOPIC_NAME,
            Topic.TRANSACTION_STATE_TOPIC_NAME,
            Topic.SHARE_GROUP_STATE_TOPIC_NAME,
            Topic.CLUSTER_METADATA_TOPIC_NAME,
            "__mine",
            "a")
        .forEach(
            name ->
                assertThat(TopicNames.isInternal(name)).as(name).isEqualTo(Topic.isInternal(name)));
    assertThat(TopicNames.CONSUMER_OFFSETS).isEqualTo(Topic.GROUP_METADATA_TOPIC_NAME);
    assertThat(TopicNames.CLUSTER_METADATA).isEqualTo(Topic.CLUSTER_METADATA_TOPIC_NAME);
  }
}
