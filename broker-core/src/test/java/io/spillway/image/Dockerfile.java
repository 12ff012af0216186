package io.spillway.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A Dockerfile as its instructions, those of the last stage apart. */
record Dockerfile(List<Instruction> instructions) {

  /**
   * One instruction.
   *
   * @param arguments what follows its name, continued lines joined
   */
  record Instruction(String name, String arguments) {

    /** Of the exec form: {@code ["a", "b"]}; fails for any other. */
    List<String> exec() {
      String list = arguments.substring(Math.max(0, arguments.indexOf('[')));
      if (!list.startsWith("[") || !list.endsWith("]")) {
        throw new AssertionError(name + " is not in exec form: " + arguments);
      }
      return Pattern.compile("\"([^\"]*)\"")
          .matcher(list)
          .results()
          .map(match -> match.group(1))
          .toList();
    }

    List<String> words() {
      return List.of(arguments.strip().split("\\s+"));
    }
  }

  static Dockerfile read(Path file) {
    List<Instruction> instructions = new ArrayList<>();
    StringBuilder whole = new StringBuilder();
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.isBlank() || line.startsWith("#")) {
          continue;
        }
        boolean goesOn = line.endsWith("\\");
        whole.append(goesOn ? line.substring(0, line.length() - 1) : line);
        if (!goesOn) {
          String[] parts = whole.toString().strip().split("\\s+", 2);
          instructions.add(new Instruction(parts[0], parts[1]));
          whole.setLength(0);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Dockerfile(instructions);
  }

  /** Of all stages. */
  List<Instruction> all(String name) {
    return instructions.stream().filter(i -> i.name().equals(name)).toList();
  }

  /** Of the stage that becomes the image. */
  List<Instruction> last(String name) {
    int from = 0;
    for (int i = 0; i < instructions.size(); i++) {
      from = instructions.get(i).name().equals("FROM") ? i : from;
    }
    return instructions.subList(from, instructions.size()).stream()
        .filter(i -> i.name().equals(name))
        .toList();
  }

  /** The one of that name in the last stage. */
  Instruction only(String name) {
    List<Instruction> found = last(name);
    if (found.size() != 1) {
      throw new AssertionError("one " + name + " expected, found " + found);
    }
    return found.get(0);
  }
}
