package io.spillway.object;

import io.spillway.runtime.Threads;
import java.net.URI;
import java.nio.file.Path;

/** Opens the store that a URL names, the value of {@value #SETTING}. */
public final class ObjectStores {

  /** The setting that holds the URL; named in messages. */
  public static final String SETTING = "object.store.url";

  private static final String FILE_SCHEME = "file:";

  private ObjectStores() {}

  /**
   * {@code file:DIR}, absolute or relative to the working directory. Blocks.
   *
   * @throws ObjectStoreException.Refused when the URL is not understood, or the store cannot be
   *     used: says which and what to do
   */
  public static ObjectStore open(String url, Threads threads) {
    if (url.startsWith(FILE_SCHEME)) {
      return DirectoryObjectStore.open(directory(url), threads);
    }
    if (url.startsWith("s3:")) {
      throw new ObjectStoreException.Refused(
          SETTING + "=" + url + ": S3 object stores come in a later release; use file:DIR", null);
    }
    throw new ObjectStoreException.Refused(SETTING + "=" + url + ": expected file:DIR", null);
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
