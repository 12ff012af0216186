package io.spillway.object;

/**
 * What a key may look like: one or more names joined by {@code /}; a name is 1 to {@value
 * #MAX_NAME_LENGTH} characters from {@code A-Z a-z 0-9 - _ . = +} and does not begin with a dot. A
 * key of that shape is a key in every store and a path below its root on every file system.
 */
public final class ObjectKeys {

  static final int MAX_NAME_LENGTH = 200;
  private static final int MAX_KEY_LENGTH = 1_000;

  private ObjectKeys() {}

  /** Returns the key; throws {@link IllegalArgumentException} when it has another shape. */
  public static String requireValid(String key) {
    if (key.isEmpty() || key.length() > MAX_KEY_LENGTH) {
      throw invalid(key);
    }
    int nameStart = 0;
    for (int i = 0; i <= key.length(); i++) {
      if (i == key.length() || key.charAt(i) == '/') {
        int length = i - nameStart;
        if (length == 0 || length > MAX_NAME_LENGTH || key.charAt(nameStart) == '.') {
          throw invalid(key);
        }
        nameStart = i + 1;
      } else if (!allowed(key.charAt(i))) {
        throw invalid(key);
      }
    }
    return key;
  }

  private static boolean allowed(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '-'
        || c == '_'
        || c == '.'
        || c == '='
        || c == '+';
  }

  private static IllegalArgumentException invalid(String key) {
    return new IllegalArgumentException("not an object key: '" + key + "'");
  }
}
