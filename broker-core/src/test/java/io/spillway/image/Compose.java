package io.spillway.image;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.AbstractConstruct;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * A compose file, or one over another. Of Compose's rules those are applied that our files need:
 * mappings are merged, {@code command} is replaced, lists marked {@code !reset} or {@code
 * !override} take the place of what was there. Any other list in the upper file fails.
 */
record Compose(Path directory, Map<String, Object> content) {

  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([A-Z0-9_]+):-([^}]*)}");

  /** A list that replaces the one below it. */
  private record Replacement(List<?> list) {}

  static Compose read(Path file) {
    return new Compose(file.getParent(), load(file));
  }

  Compose with(Path over) {
    return new Compose(directory, merge("", content, load(over)));
  }

  private static Map<String, Object> load(Path file) {
    LoaderOptions options = new LoaderOptions();
    options.setAllowDuplicateKeys(false);
    try (Reader reader = Files.newBufferedReader(file)) {
      return map(new Yaml(new Tags(options)).load(reader));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static final class Tags extends SafeConstructor {
    Tags(LoaderOptions options) {
      super(options);
      for (String tag : List.of("!reset", "!override")) {
        yamlConstructors.put(
            new Tag(tag),
            new AbstractConstruct() {
              @Override
              public Object construct(Node node) {
                if (node instanceof MappingNode) {
                  throw new AssertionError(tag + " on a mapping");
                }
                return new Replacement(constructSequence((SequenceNode) node));
              }
            });
      }
    }
  }

  private static Map<String, Object> merge(
      String path, Map<String, Object> below, Map<String, Object> above) {
    Map<String, Object> merged = new LinkedHashMap<>(below);
    above.forEach(
        (key, value) -> merged.merge(key, plain(value), (b, a) -> one(path, key, b, value)));
    return merged;
  }

  private static Object one(String path, String key, Object below, Object above) {
    if (above instanceof Replacement replacement) {
      return replacement.list();
    }
    if (above instanceof Map) {
      return merge(path + "/" + key, map(below), map(above));
    }
    if (above instanceof List && !key.equals("command")) {
      throw new AssertionError(path + "/" + key + ": Compose would append to this list");
    }
    return above;
  }

  private static Object plain(Object value) {
    return value instanceof Replacement replacement ? replacement.list() : value;
  }

  Map<String, Object> services() {
    return map(content.get("services"));
  }

  Map<String, Object> service(String name) {
    return map(services().get(name));
  }

  /** A list of a service's; empty when it has none. */
  List<String> list(String service, String key) {
    List<String> items = new ArrayList<>();
    Object list = service(service).get(key);
    if (list != null) {
      ((List<?>) list).forEach(item -> items.add(item.toString()));
    }
    return items;
  }

  /** Of a service, with the defaults of variables. */
  Map<String, String> environment(String service) {
    Map<String, String> values = new LinkedHashMap<>();
    if (service(service).containsKey("environment")) {
      map(service(service).get("environment"))
          .forEach((name, value) -> values.put(name, defaults(value.toString())));
    }
    return values;
  }

  static String defaults(String text) {
    return VARIABLE.matcher(text).replaceAll(match -> Matcher.quoteReplacement(match.group(2)));
  }

  /** Defaults of variables by name, wherever they stand. */
  Map<String, String> variables() {
    Map<String, String> found = new LinkedHashMap<>();
    VARIABLE
        .matcher(content.toString())
        .results()
        .forEach(match -> found.put(match.group(1), match.group(2)));
    return found;
  }

  /** Settings of a broker's command: those of {@code --set}. */
  static List<String> overrides(List<String> command) {
    return command.stream()
        .filter(argument -> argument.startsWith("--set="))
        .map(argument -> argument.substring("--set=".length()))
        .toList();
  }

  @SuppressWarnings("unchecked") // YAML's mappings; a key that is no string fails where it is used
  static Map<String, Object> map(Object value) {
    return (Map<String, Object>) value;
  }
}
