package io.spillway.compaction;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KeyOffsetsTest {

  @Test
  void itIsAMapUntilItIsFullAndThenOfTheKeysThatItHas() {
    Random random = new Random(3);
    for (int round = 0; round < 20; round++) {
      KeyOffsets keys = new KeyOffsets(24L * 4096 + random.nextInt(1000));
      Map<String, Long> model = new HashMap<>();
      for (long offset = 0; offset < 20_000; offset++) {
        String key = Integer.toString(random.nextInt(6_000), 36);
        if (keys.put(bytes(key), offset)) {
          model.put(key, offset);
        } else {
          assertThat(model).as("refused is what is new").doesNotContainKey(key);
          assertThat(keys.size()).as("full").isEqualTo(3072);
        }
      }
      assertThat(keys.size()).isEqualTo(model.size());
      for (int i = 0; i < 6_000; i++) {
        String key = Integer.toString(i, 36);
        assertThat(keys.get(bytes(key))).isEqualTo(model.getOrDefault(key, KeyOffsets.NOT_FOUND));
      }
    }
  }

  @Test
  void offsetsAreSixtyFourBitsWideAndTheFirstIsZero() {
    KeyOffsets keys = new KeyOffsets(1 << 20);
    assertThat(keys.put(bytes("a"), 0)).isTrue();
    assertThat(keys.put(bytes("b"), Long.MAX_VALUE - 1)).isTrue();
    assertThat(keys.put(bytes(""), 5L << 40)).isTrue();
    assertThat(keys.get(bytes("a"))).isZero();
    assertThat(keys.get(bytes("b"))).isEqualTo(Long.MAX_VALUE - 1);
    assertThat(keys.get(bytes(""))).isEqualTo(5L << 40);
    assertThat(keys.get(bytes("c"))).isEqualTo(KeyOffsets.NOT_FOUND);
  }

  private static ByteBuffer bytes(String text) {
    return ByteBuffer.wrap(text.getBytes(UTF_8));
  }
}
