package io.spillway.object;

import java.util.Optional;

/**
 * Keys to an object store that somebody wrote down in the settings. Never shown: {@link #toString}
 * keeps them to itself.
 *
 * @param sessionToken of temporary keys
 */
public record StoreCredentials(String accessKey, String secretKey, Optional<String> sessionToken) {

  @Override
  public String toString() {
    return "StoreCredentials[hidden]";
  }
}
