package io.spillway.config;

import java.nio.file.Path;

/**
 * Where data is and when it moves.
 *
 * @param walDir of the file WAL; absolute
 * @param objectDir of the directory store; absolute
 * @param walDirectIo whether to try to write past the page cache
 * @param uploadBytes upload when this much waits
 * @param uploadIntervalMs upload what waited this long
 */
public record StorageConfig(
    Path walDir,
    Path objectDir,
    long walCapacityBytes,
    boolean walDirectIo,
    long uploadBytes,
    long uploadIntervalMs) {

  static StorageConfig of(SettingValues values, Path dataDir) {
    Path walDir = directory(values, "wal.url", "object:", dataDir.resolve("wal"));
    Path objectDir = directory(values, "object.store.url", "s3:", dataDir.resolve("store"));
    if (walDir.startsWith(objectDir) || objectDir.startsWith(walDir)) {
      throw SettingValues.invalid(
          "wal.url",
          "file:" + walDir,
          "a directory apart from object.store.url, file:" + objectDir);
    }
    long capacity = values.longValue("wal.capacity.bytes");
    return new StorageConfig(
        walDir,
        objectDir,
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

  private static Path directory(
      SettingValues values, String setting, String notYet, Path defaultDirectory) {
    String url = values.text(setting).orElse("");
    if (url.isEmpty()) {
      return defaultDirectory;
    }
    if (url.startsWith(notYet)) {
      throw SettingValues.invalid(
          setting, url, "file:DIR: this release has no " + setting + "=" + notYet);
    }
    // file:DIR and file:///DIR both; no percent decoding, so that any path can be written.
    String path = url.startsWith("file:") ? url.substring("file:".length()) : "";
    if (path.startsWith("//")) {
      path = path.startsWith("///") ? path.substring(2) : "";
    }
    if (path.isEmpty()) {
      throw SettingValues.invalid(setting, url, "file:DIR, as in file:/var/lib/spillway");
    }
    return Path.of(path).toAbsolutePath().normalize();
  }
}
