package io.spillway.config;

import java.io.IOException;
import java.io.Reader;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeSet;

/** Reads settings from a file and from the command line. */
public final class SettingSources {

  private SettingSources() {}

  /**
   * The settings of a properties file, if there is one, with {@code name=value} overrides over
   * them; of two for one name the later counts.
   *
   * @throws InvalidSettingException when the file cannot be read or an override has no {@code =}
   */
  public static Map<String, String> load(Optional<Path> file, List<String> overrides) {
    Map<String, String> settings = new LinkedHashMap<>();
    file.ifPresent(path -> readFile(path, settings));
    for (String override : overrides) {
      int equals = override.indexOf('=');
      if (equals <= 0) {
        throw new InvalidSettingException(
            "--set", "invalid --set " + override + ": valid is --set NAME=VALUE");
      }
      settings.put(override.substring(0, equals).strip(), override.substring(equals + 1).strip());
    }
    return settings;
  }

  private static void readFile(Path file, Map<String, String> settings) {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
      properties.load(reader);
    } catch (NoSuchFileException e) {
      throw new InvalidSettingException("--config", "no such configuration file: " + file);
    } catch (MalformedInputException | IllegalArgumentException e) {
      throw new InvalidSettingException(
          "--config", "not a properties file in UTF-8: " + file + " (" + e.getMessage() + ")");
    } catch (IOException e) {
      throw new InvalidSettingException(
          "--config", "cannot read configuration file " + file + ": " + e);
    }
    for (String name : new TreeSet<>(properties.stringPropertyNames())) {
      settings.put(name, properties.getProperty(name));
    }
  }
}
