package io.spillway.config;

import io.spillway.config.Setting.Meaning;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Kafka's settings that Spillway does not read; loaded when first asked for, so that a plain start
 * does not pay for three hundred names. The file stands beside this class.
 */
final class KafkaSettings {
  static final Map<String, Setting> BY_NAME = load();

  private KafkaSettings() {}

  private static Map<String, Setting> load() {
    Map<String, Setting> settings = new LinkedHashMap<>(512);
    InputStream resource = KafkaSettings.class.getResourceAsStream("kafka-settings.txt");
    if (resource == null) {
      throw new IllegalStateException(
          "kafka-settings.txt is missing beside " + KafkaSettings.class);
    }
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(resource, StandardCharsets.UTF_8))) {
      String line = reader.readLine();
      while (line != null) {
        if (!line.startsWith("#")) {
          Setting setting = parse(SettingValues.split(line, ' '));
          settings.put(setting.name(), setting);
        }
        line = reader.readLine();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read kafka-settings.txt", e);
    }
    return settings;
  }

  /** A line: name, type, range, default, meaning; {@code -} where there is nothing. */
  private static Setting parse(List<String> line) {
    Setting.Type type = Setting.Type.valueOf(line.get(1).toUpperCase(Locale.ROOT));
    String range = line.get(2);
    String defaultValue = line.get(3).equals("-") ? null : line.get(3);
    Meaning meaning = Meaning.valueOf(line.get(4).toUpperCase(Locale.ROOT));
    Setting any = new Setting(line.get(0), type, 0, 0, List.of(), null, meaning, "");
    long min = any.typeMin();
    long max = any.typeMax();
    List<String> choices = List.of();
    if (range.startsWith("{")) {
      choices = SettingValues.split(range.substring(1, range.length() - 1));
    } else if (!range.equals("-")) {
      int dots = range.indexOf("..");
      min = Long.parseLong(range.substring(0, dots));
      String upper = range.substring(dots + 2);
      max = upper.isEmpty() ? max : Long.parseLong(upper);
    }
    return new Setting(line.get(0), type, min, max, choices, defaultValue, meaning, "");
  }
}
