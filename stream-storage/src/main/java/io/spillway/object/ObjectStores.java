package io.spillway.object;

import io.spillway.object.s3.S3Location;
import io.spillway.object.s3.S3ObjectStore;
import io.spillway.runtime.Threads;
import java.net.URI;
import java.nio.file.Path;
import java.util.Optional;

/** Opens the store that a URL names, the value of {@value #SETTING}. */
public final class ObjectStores {

  /** The setting that holds the URL; named in messages. */
  public static final String SETTING = "object.store.url";

  private static final String FILE_SCHEME = "file:";

  private ObjectStores() {}

  /**
   * {@code file:DIR}, absolute or relative to the working directory, or {@code s3://BUCKET/PREFIX}
   * ({@link S3Location}). Blocks on the disk, never on a network.
   *
   * @param credentials for {@code s3:}; empty: those that the URL or the process's surroundings say
   * @throws ObjectStoreException.Refused when the URL is not understood, or the store cannot be
   *     used: says which and what to do
   */
  public static ObjectStore open(
      String url, Optional<StoreCredentials> credentials, Threads threads) {
    if (url.startsWith(FILE_SCHEME)) {
      return DirectoryObjectStore.open(directory(url), threads);
    }
    if (url.startsWith(S3Location.SCHEME)) {
      return S3ObjectStore.open(S3Location.parse(url), credentials, threads);
    }
    throw new ObjectStoreException.Refused(
        SETTING + "=" + url + ": expected file:DIR or s3://BUCKET/PREFIX", null);
  }

  /** A store that needs no keys of the settings'. */
  public static ObjectStore open(String url, Threads threads) {
    return open(url, Optional.empty(), threads);
  }

  /** The directory of a {@code file:} URL. */
  public static Path directory(String url) {
    String rest = url.substring(FILE_SCHEME.length());
    try {
      if (rest.startsWith("//")) {
        return Path.of(URI.create(url));
      }
      if (rest.isEmpty()) {
        throw new IllegalArgumentException("no directory");
      }
      return Path.of(rest);
    } catch (IllegalArgumentException e) {
      throw notADirectory(url, e);
    }
  }

  private static ObjectStoreException notADirectory(String url, RuntimeException cause) {
    return new ObjectStoreException.Refused(
        SETTING + "=" + url + ": expected file:DIR (" + cause.getMessage() + ")", cause);
  }
}
