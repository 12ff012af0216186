package io.spillway.main;

import io.spillway.config.InvalidSettingException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Options of {@code serve}, read by hand: a start does not pay for a parser of command lines.
 *
 * @param overrides {@code NAME=VALUE}, later ones count more
 */
record ServeOptions(Optional<Path> configFile, List<String> overrides) {

  static final String CONFIG = "--config";
  static final String SET = "--set";

  /**
   * @param arguments after {@code serve}
   * @throws InvalidSettingException for an option that is not there, or lacks its value
   */
  static ServeOptions parse(List<String> arguments) {
    Optional<Path> configFile = Optional.empty();
    List<String> overrides = new ArrayList<>();
    int next = 0;
    while (next < arguments.size()) {
      String argument = arguments.get(next++);
      int equals = argument.startsWith("--") ? argument.indexOf('=') : -1;
      String option = equals < 0 ? argument : argument.substring(0, equals);
      if (!option.equals(CONFIG) && !option.equals(SET)) {
        throw new InvalidSettingException(
            argument,
            "unknown option " + argument + ": serve takes --config FILE and --set NAME=VALUE");
      }
      if (equals < 0 && next == arguments.size()) {
        throw new InvalidSettingException(
            option,
            option + " needs " + (option.equals(CONFIG) ? "a file" : "NAME=VALUE") + " after it");
      }
      String value = equals < 0 ? arguments.get(next++) : argument.substring(equals + 1);
      if (option.equals(SET)) {
        overrides.add(value);
      } else if (configFile.isPresent()) {
        throw new InvalidSettingException(CONFIG, "--config is given twice: one file only");
      } else {
        configFile = Optional.of(Path.of(value));
      }
    }
    return new ServeOptions(configFile, List.copyOf(overrides));
  }
}
