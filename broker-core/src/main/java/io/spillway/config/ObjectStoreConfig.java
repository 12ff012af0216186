package io.spillway.config;

import io.spillway.object.ObjectStoreException;
import io.spillway.object.RequestBudget;
import io.spillway.object.StoreCredentials;
import io.spillway.object.s3.S3Location;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where objects are, and how many requests it takes.
 *
 * @param url {@code file:} with an absolute directory, or {@code s3:}
 * @param credentials given by settings; empty: what the URL or the process's surroundings say
 * @param budget of requests of each kind
 */
public record ObjectStoreConfig(
    String url, Optional<StoreCredentials> credentials, RequestBudget budget) {

  private static final String URL = "object.store.url";
  private static final String ACCESS_KEY = "object.store.access.key";
  private static final String SECRET_KEY = "object.store.secret.key";
  private static final String SESSION_TOKEN = "object.store.session.token";

  static ObjectStoreConfig of(SettingValues values, Path defaultDirectory) {
    String url = values.text(URL).orElse("");
    boolean s3 = url.startsWith(S3Location.SCHEME);
    if (s3) {
      try {
        S3Location.parse(url);
      } catch (ObjectStoreException.Refused e) {
        throw new InvalidSettingException(URL, String.valueOf(e.getMessage()));
      }
    }
    return new ObjectStoreConfig(
        s3 ? url : "file:" + StorageConfig.directory(values, URL, defaultDirectory),
        credentials(values),
        new RequestBudget(
            values.intValue("object.store.max.requests"),
            values.intValue("object.store.max.requests.per.second")));
  }

  private static Optional<StoreCredentials> credentials(SettingValues values) {
    Optional<String> accessKey = values.text(ACCESS_KEY);
    Optional<String> secretKey = values.text(SECRET_KEY);
    if (accessKey.isPresent() != secretKey.isPresent()) {
      throw new InvalidSettingException(
          accessKey.isPresent() ? SECRET_KEY : ACCESS_KEY,
          "set both of " + ACCESS_KEY + " and " + SECRET_KEY + ", or neither");
    }
    return accessKey.map(
        key -> new StoreCredentials(key, secretKey.orElseThrow(), values.text(SESSION_TOKEN)));
  }

  /** The directory, if it is one. */
  public Optional<Path> directory() {
    return isDirectory() ? Optional.of(Path.of(url.substring("file:".length()))) : Optional.empty();
  }

  public boolean isDirectory() {
    return url.startsWith("file:");
  }

  /** The store without what is only of use to get there. */
  public String place() {
    return isDirectory() ? url : S3Location.parse(url).toString();
  }
}
