package io.spillway.objectwal;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;

/** Keys of chains: {@code wal/<walId>/<number in twenty digits>}. */
public final class ChainKeys {

  /** All chains of the bucket. */
  public static final String PREFIX = "wal/";

  private static final int DIGITS = 20;
  private static final int UUID_LENGTH = 36;
  private static final int KEY_LENGTH = PREFIX.length() + UUID_LENGTH + 1 + DIGITS;

  private ChainKeys() {}

  static String prefix(UUID walId) {
    return PREFIX + walId + "/";
  }

  /** Key of an object of a chain. */
  public static String key(UUID walId, long number) {
    return prefix(walId) + String.format(Locale.ROOT, "%0" + DIGITS + "d", number);
  }

  /** The key after which a listing shows the objects from {@code number} on. */
  static String before(UUID walId, long number) {
    return number == 0 ? "" : key(walId, number - 1);
  }

  /** The number in a key; empty when it is no key of a chain. */
  public static OptionalLong number(String key) {
    if (walId(key).isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      return OptionalLong.of(Long.parseLong(key.substring(KEY_LENGTH - DIGITS)));
    } catch (NumberFormatException e) {
      return OptionalLong.empty();
    }
  }

  /** The chain that a key belongs to; empty when it is no key of a chain. */
  public static Optional<UUID> walId(String key) {
    if (key.length() != KEY_LENGTH || !key.startsWith(PREFIX)) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          UUID.fromString(key.substring(PREFIX.length(), PREFIX.length() + UUID_LENGTH)));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
