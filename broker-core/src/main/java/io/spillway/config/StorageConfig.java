package io.spillway.config;

import java.nio.file.Path;

/**
 * Where data is and when it moves.
 *
 * @param walDir of the file WAL, or with {@code walInBucket} of one that may be left to drain;
 *     absolute
 * @param objects where objects are
 * @param walDirectIo whether to try to write past the page cache
 * @param uploadBytes upload when this much waits
 * @param uploadIntervalMs upload what waited this long
 * @param walInBucket whether the WAL is objects ({@code wal.url=object:})
 * @param walBufferBytes what may then wait in memory for the bucket
 * @param catalogIndexDir of the catalog's index, once there is one; absolute
 * @param catalogIndexMinExtents up to so many extents the catalog stays in memory
 */
public record StorageConfig(
    Path walDir,
    ObjectStoreConfig objects,
    long walCapacityBytes,
    boolean walDirectIo,
    long uploadBytes,
    long uploadIntervalMs,
    boolean walInBucket,
    long walBufferBytes,
    Path catalogIndexDir,
    int catalogIndexMinExtents) {

  /** {@code wal.url} of a WAL in the bucket. */
  public static final String WAL_IN_BUCKET = "object:";

  /** Begins the URL of a directory. */
  public static final String FILE_SCHEME = "file:";

  static StorageConfig of(SettingValues values, Path dataDir) {
    boolean walInBucket = values.text("wal.url").filter(WAL_IN_BUCKET::equals).isPresent();
    Path walDir =
        walInBucket ? defaultWalDir(dataDir) : directory(values, "wal.url", defaultWalDir(dataDir));
    ObjectStoreConfig objects = ObjectStoreConfig.of(values, dataDir.resolve("store"));
    objects
        .directory()
        .filter(store -> walDir.startsWith(store) || store.startsWith(walDir))
        .ifPresent(
            store -> {
              throw SettingValues.invalid(
                  "wal.url",
                  "file:" + walDir,
                  "a directory apart from object.store.url, file:" + store);
            });
    long capacity = values.longValue("wal.capacity.bytes");
    return new StorageConfig(
        walDir,
        objects,
        capacity,
        values.booleanValue("wal.direct.io"),
        uploadBytes(values, capacity),
        values.longValue("upload.interval.ms"),
        walInBucket,
        Math.min(values.longValue("wal.buffer.bytes"), capacity),
        dataDir.resolve("catalog-index"),
        values.intValue("catalog.index.min.extents"));
  }

  /** Where the WAL is unless the settings say where. */
  public static Path defaultWalDir(Path dataDir) {
    return dataDir.resolve("wal");
  }

  /** {@code wal.url} in full: {@code object:}, or {@code file:} with an absolute directory. */
  public String walUrl() {
    return walInBucket ? WAL_IN_BUCKET : FILE_SCHEME + walDir;
  }

  /** An upload has to begin while the log still has room for what arrives meanwhile. */
  private static long uploadBytes(SettingValues values, long walCapacityBytes) {
    long bytes = values.longValue("upload.bytes");
    if (!values.isGiven("upload.bytes")) {
      return Math.min(bytes, walCapacityBytes / 4);
    }
    if (bytes > walCapacityBytes / 2) {
      throw SettingValues.invalid(
          "upload.bytes",
          Long.toString(bytes),
          "at most half of wal.capacity.bytes, which is " + walCapacityBytes);
    }
    return bytes;
  }

  /** The directory of a {@code file:} URL, absolute. */
  static Path directory(SettingValues values, String setting, Path defaultDirectory) {
    String url = values.text(setting).orElse("");
    if (url.isEmpty()) {
      return defaultDirectory;
    }
    // file:DIR and file:///DIR both; no percent decoding, so that any path can be written.
    String path = url.startsWith(FILE_SCHEME) ? url.substring(FILE_SCHEME.length()) : "";
    if (path.startsWith("//")) {
      path = path.startsWith("///") ? path.substring(2) : "";
    }
    if (path.isEmpty()) {
      throw SettingValues.invalid(
          setting,
          url,
          setting.equals("wal.url")
              ? "file:DIR, as in file:/var/lib/spillway, or object: for the bucket"
              : "file:DIR, as in file:/var/lib/spillway, or s3://BUCKET/PREFIX");
    }
    return Path.of(path).toAbsolutePath().normalize();
  }
}
