package io.spillway.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What was set, each value valid by itself, over the defaults. */
final class SettingValues {

  private final Map<String, String> given;

  /**
   * Checks every name and value.
   *
   * @throws InvalidSettingException for the first that cannot be used
   */
  SettingValues(Map<String, String> settings) {
    given = new LinkedHashMap<>();
    for (Map.Entry<String, String> entry : settings.entrySet()) {
      String name = entry.getKey();
      Setting setting = Settings.find(name);
      if (setting != null) {
        given.put(name, checked(setting, entry.getValue()));
      } else if (!acceptedByPrefix(name)) {
        throw Settings.unknown(name);
      }
    }
  }

  private static String checked(Setting setting, String text) {
    // Kafka's files leave what they do not use empty.
    if (text.isBlank() && setting.defaultValue() == null) {
      return "";
    }
    String value = setting.requireValid(text);
    if (setting.meaning() == Setting.Meaning.REFUSED
        && !value.isEmpty()
        && !value.equals(setting.defaultValue())) {
      throw new InvalidSettingException(
          setting.name(),
          "setting "
              + setting.name()
              + "="
              + value
              + " is not supported: this broker does not do what it asks for, and ignoring it would"
              + " be unsafe; remove it");
    }
    return value;
  }

  private static boolean acceptedByPrefix(String name) {
    for (String prefix : Settings.ACCEPTED_PREFIXES) {
      if (name.startsWith(prefix)) {
        return true;
      }
    }
    return false;
  }

  /** Whether somebody set it to something. */
  boolean isGiven(String name) {
    String value = given.get(name);
    return value != null && !value.isEmpty();
  }

  /** What was set, valid names only, in order. */
  Map<String, String> given() {
    return given;
  }

  /** The value or the default; empty when there is neither. */
  Optional<String> text(String name) {
    String value = given.get(name);
    if (value == null || value.isEmpty()) {
      value = Settings.require(name).defaultValue();
    }
    return value == null || value.isEmpty() ? Optional.empty() : Optional.of(value);
  }

  String requiredText(String name) {
    return text(name)
        .orElseThrow(() -> invalid(name, "", Settings.require(name).valid() + ", not empty"));
  }

  int intValue(String name) {
    return Integer.parseInt(requiredText(name));
  }

  long longValue(String name) {
    return Long.parseLong(requiredText(name));
  }

  boolean booleanValue(String name) {
    return Boolean.parseBoolean(requiredText(name));
  }

  List<String> list(String name) {
    return text(name).map(SettingValues::split).orElse(List.of());
  }

  static InvalidSettingException invalid(String name, String value, String valid) {
    return InvalidSettingException.of(Settings.require(name), value, valid);
  }

  /** Comma-separated items without surrounding space; empty items are left out. */
  static List<String> split(String text) {
    return split(text, ',');
  }

  static List<String> split(@Nullable String text, char separator) {
    List<String> items = new ArrayList<>();
    int from = 0;
    int length = text == null ? 0 : text.length();
    while (text != null && from < length) {
      int to = text.indexOf(separator, from);
      to = to < 0 ? length : to;
      String item = text.substring(from, to).strip();
      if (!item.isEmpty()) {
        items.add(item);
      }
      from = to + 1;
    }
    return items;
  }
}
