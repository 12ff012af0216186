package io.spillway.upload;

import io.spillway.runtime.RandomSource;
import java.util.HexFormat;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names of data objects: {@code data/<hash>/<birth>-<unique>}. Two hexadecimal digits spread the
 * keys over the store's partitions; the birth (P21) is the catalog position when building began, 20
 * digits; the unique part is 128 random bits.
 */
public final class DataKeys {

  public static final String PREFIX = "data/";

  private static final Pattern KEY = Pattern.compile("data/[0-9a-f]{2}/([0-9]{20})-[0-9a-f]{32}");

  private DataKeys() {}

  /** A new key. */
  public static String next(long birth, RandomSource random) {
    HexFormat hex = HexFormat.of();
    String unique = hex.toHexDigits(random.nextLong()) + hex.toHexDigits(random.nextLong());
    return "%s%s/%020d-%s".formatted(PREFIX, unique.substring(0, 2), birth, unique);
  }

  /** Empty when the key is no data object's. */
  public static OptionalLong birth(String key) {
    Matcher matcher = KEY.matcher(key);
    return matcher.matches()
        ? OptionalLong.of(Long.parseLong(matcher.group(1)))
        : OptionalLong.empty();
  }
}
