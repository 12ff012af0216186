package io.spillway.config;

import java.nio.file.Path;

/**
 * Where data is and when it moves.
 *
 * @param walDir of the file WAL; absolute
 * @param objects where objects are
 * @param walDirectIo whether to try to write past the page cache
 * @param uploadBytes upload when this much waits
 * @param uploadIntervalMs upload what waited this long
 */
public record StorageConfig(
    Path walDir,
    ObjectStoreConfig objects,
    long walCapacityBytes,
    boolean walDirectIo,
    long uploadBytes,
    long uploadIntervalMs) {

  static StorageConfig of(SettingValues values, Path dataDir) {
    Path walDir = walDirectory(values, dataDir.resolve("wal"));
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
        values.longValue("upload.interval.ms"));
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

  private static Path walDirectory(SettingValues values, Path defaultDirectory) {
    String setting = "wal.url";
    String url = values.text(setting).orElse("");
    if (url.startsWith("object:")) {
      throw SettingValues.invalid(setting, url, "file:DIR: this release has no wal.url=object:");
    }
    return directory(values, setting, defaultDirectory);
  }

  /** The directory of a {@code file:} URL, absolute. */
  static Path directory(SettingValues values, String setting, Path defaultDirectory) {
    String url = values.text(setting).orElse("");
    if (url.isEmpty()) {
      return defaultDirectory;
    }
    // file:DIR and file:///DIR both; no percent decoding, so that any path can be written.
    String path = url.startsWith("file:") ? url.substring("file:".length()) : "";
    if (path.startsWith("//")) {
      path = path.startsWith("///") ? path.substring(2) : "";
    }
    if (path.isEmpty()) {
      throw SettingValues.invalid(
          setting,
          url,
          setting.equals("wal.url")
              ? "file:DIR, as in file:/var/lib/spillway"
              : "file:DIR, as in file:/var/lib/spillway, or s3://BUCKET/PREFIX");
    }
    return Path.of(path).toAbsolutePath().normalize();
  }
}
