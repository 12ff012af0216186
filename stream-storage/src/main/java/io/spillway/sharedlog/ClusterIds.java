package io.spillway.sharedlog;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.UUID;

/** A cluster's id for people: as Apache Kafka, its clients and its tools write it. */
public final class ClusterIds {

  private ClusterIds() {}

  /** 22 characters: the 16 bytes in Base64, with {@code -} and {@code _}, without padding. */
  public static String text(UUID clusterId) {
    ByteBuffer bytes =
        ByteBuffer.allocate(2 * Long.BYTES)
            .putLong(clusterId.getMostSignificantBits())
            .putLong(clusterId.getLeastSignificantBits());
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes.array());
  }
}
