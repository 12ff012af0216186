package io.spillway.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * docs/configuration.md is made from the table of settings. To write it anew: run this test with
 * {@code -Dspillway.docs.write=true} in {@code -DargLine}.
 */
class ConfigurationPageTest {

  private static final Path PAGE = Path.of("../docs/configuration.md");

  @Test
  void thePageIsCurrent() throws IOException {
    String page = page();
    if (Boolean.getBoolean("spillway.docs.write")) {
      Files.createDirectories(PAGE.getParent());
      Files.writeString(PAGE, page);
    }

    assertThat(PAGE).hasContent(page);
  }

  private static String page() {
    List<String> lines = new ArrayList<>();
    lines.add("# Configuration");
    lines.add("");
    lines.add(
        "Made from the table in `io.spillway.config.Settings`; `ConfigurationPageTest` writes it.");
    lines.add("");
    lines.add(
        "`spillway serve --config FILE --set NAME=VALUE`: the file is a Java properties file, and"
            + " `--set` (repeatable) counts more. Settings have Kafka's names wherever Kafka has"
            + " the setting, and a properties file of Kafka's starts a broker. A name that neither"
            + " Kafka nor Spillway knows, or a value that does not fit, ends the start with exit"
            + " code 2 and one line that names it.");
    lines.add("");
    lines.add("## Spillway's own");
    lines.add("");
    table(lines, Setting.Meaning.OURS);
    lines.add("");
    lines.add("## Kafka's that Spillway reads");
    lines.add("");
    table(lines, Setting.Meaning.USED);
    for (Setting.Meaning meaning : Setting.Meaning.values()) {
      if (!meaning.explanation().isEmpty()) {
        others(lines, meaning);
      }
    }
    lines.add("");
    lines.add("## Accepted under a prefix, without effect");
    lines.add("");
    lines.add("`" + String.join("*`, `", Settings.ACCEPTED_PREFIXES) + "*`.");
    return String.join("\n", lines) + "\n";
  }

  private static void table(List<String> lines, Setting.Meaning meaning) {
    lines.add("| setting | default | valid | what it does |");
    lines.add("|---|---|---|---|");
    for (Setting setting : Settings.read()) {
      if (setting.meaning() == meaning) {
        String byDefault = Objects.requireNonNullElse(setting.defaultValue(), "");
        lines.add(
            "| `"
                + setting.name()
                + "` | "
                + (byDefault.isEmpty() ? "" : "`" + byDefault + "`")
                + " | "
                + setting.valid()
                + " | "
                + setting.doc()
                + " |");
      }
    }
  }

  private static void others(List<String> lines, Setting.Meaning meaning) {
    List<String> items = new ArrayList<>();
    boolean withDefaults = !meaning.withoutEffect();
    for (Setting setting : Settings.kafka().values()) {
      if (setting.meaning() == meaning) {
        String byDefault = Objects.requireNonNullElse(setting.defaultValue(), "");
        items.add(
            withDefaults
                ? "- `" + setting.name() + "`: " + setting.valid() + defaultText(byDefault)
                : "`" + setting.name() + "`");
      }
    }
    lines.add("");
    lines.add("## Kafka's: " + heading(meaning));
    lines.add("");
    lines.add(
        (meaning.withoutEffect() ? "Accepted, without effect: " : "These are ")
            + meaning.explanation()
            + ".");
    lines.add("");
    lines.add(withDefaults ? String.join("\n", items) : String.join(", ", items) + ".");
  }

  private static String defaultText(String byDefault) {
    return byDefault.isEmpty() ? "" : "; default `" + byDefault + "`";
  }

  private static String heading(Setting.Meaning meaning) {
    return switch (meaning) {
      case OURS, USED -> "";
      case KAFKA -> "passed on";
      case SHOWN -> "shown only";
      case REFUSED -> "refused";
      case FILES -> "local log files";
      case INNER -> "inner parts";
      case PLAINTEXT -> "security";
      case QUORUM -> "controller quorum";
      case REPLICATION -> "replication";
      case TIERED -> "tiered storage";
      case OLD -> "older releases";
    };
  }
}
