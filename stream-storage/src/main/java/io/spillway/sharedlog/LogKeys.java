package io.spillway.sharedlog;

import java.util.Locale;

/**
 * Keys of one log: {@code <name>/log/<number>} and {@code <name>/checkpoint/<number>}, numbers in
 * twenty digits, so that the order of keys is the order of numbers (P4).
 */
record LogKeys(String name) {

  private static final int DIGITS = 20;

  String record(long number) {
    return records() + digits(number);
  }

  String checkpoint(long number) {
    return checkpoints() + digits(number);
  }

  String records() {
    return name + "/log/";
  }

  String checkpoints() {
    return name + "/checkpoint/";
  }

  /** The checkpoint key after which a listing shows checkpoints {@code ≥ number} only. */
  String beforeCheckpoint(long number) {
    return number == 0 ? "" : checkpoint(number - 1);
  }

  /** The number in a key of this log. */
  static long number(String key) {
    String digits = key.substring(key.lastIndexOf('/') + 1);
    try {
      if (digits.length() == DIGITS) {
        return Long.parseLong(digits);
      }
    } catch (NumberFormatException e) {
      // Reported below.
    }
    throw new SharedLogException.Corrupt(key + " does not belong here: its name is no number");
  }

  private static String digits(long number) {
    return String.format(Locale.ROOT, "%0" + DIGITS + "d", number);
  }
}
