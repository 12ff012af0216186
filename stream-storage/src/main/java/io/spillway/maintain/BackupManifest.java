package io.spillway.maintain;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.Retry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletionException;

/**
 * What a backup is, in lines of {@code name=value}. The last object of a backup to be written: a
 * backup without it is not whole.
 *
 * @param clusterId of the bucket that was backed up
 * @param catalogPosition the last record of the catalog that is part of it
 * @param objects data objects it refers to
 * @param bytes of those
 * @param damaged data objects that were missing or damaged when it was made
 */
record BackupManifest(
    UUID clusterId, Instant madeAt, long catalogPosition, long objects, long bytes, long damaged) {

  static final int VERSION = 1;
  static final String KEY = StoreCopy.BACKUP + "manifest";
  private static final int MAX_BYTES = 16 << 10;

  void write(ObjectStore store) {
    String text =
        "version=%d%ncluster=%s%nmade=%s%ncatalog=%d%nobjects=%d%nbytes=%d%ndamaged=%d%n"
            .formatted(VERSION, clusterId, madeAt, catalogPosition, objects, bytes, damaged);
    store.put(KEY, List.of(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)))).join();
  }

  /**
   * Empty when there is none.
   *
   * @throws IllegalArgumentException when it is not one, or of a newer version
   */
  static Optional<BackupManifest> read(ObjectStore store) {
    ByteBuffer bytes;
    try {
      bytes = store.getRange(KEY, 0, MAX_BYTES).join();
    } catch (CompletionException e) {
      if (Retry.unwrap(e) instanceof ObjectStoreException.NotFound) {
        return Optional.empty();
      }
      throw e;
    }
    Map<String, String> values = new HashMap<>();
    StandardCharsets.US_ASCII
        .decode(bytes)
        .toString()
        .lines()
        .forEach(
            line -> {
              int equals = line.indexOf('=');
              values.put(line.substring(0, Math.max(0, equals)), line.substring(equals + 1));
            });
    String version = values.getOrDefault("version", "none");
    if (!version.equals(Integer.toString(VERSION))) {
      throw new IllegalArgumentException(
          "the backup has version " + version + ", this build reads version " + VERSION);
    }
    return Optional.of(
        new BackupManifest(
            UUID.fromString(values.getOrDefault("cluster", "")),
            Instant.parse(values.getOrDefault("made", "")),
            Long.parseLong(values.getOrDefault("catalog", "")),
            Long.parseLong(values.getOrDefault("objects", "")),
            Long.parseLong(values.getOrDefault("bytes", "")),
            Long.parseLong(values.getOrDefault("damaged", ""))));
  }
}
