package io.spillway.connect;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A file of numbered lines of one width, so that a source connector's position is a line number.
 */
final class LineFile {

  /** Bytes of a line, its end included. */
  static final int LINE_BYTES = 40;

  private final Path path;
  private final String name;
  private int lines;

  LineFile(Path path, String name) {
    this.path = path;
    this.name = name;
  }

  Path path() {
    return path;
  }

  /** Lines written so far. */
  synchronized int lines() {
    return lines;
  }

  synchronized void append(int count) {
    StringBuilder text = new StringBuilder(count * LINE_BYTES);
    for (int i = 0; i < count; i++) {
      String token = token(name, lines + i);
      text.append(token).append(".".repeat(LINE_BYTES - 1 - token.length())).append('\n');
    }
    try {
      Files.writeString(
          path,
          text,
          StandardOpenOption.CREATE,
          StandardOpenOption.WRITE,
          StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    lines += count;
  }

  private static String token(String name, int number) {
    return String.format("<%s#%08d>", name, number);
  }

  /** Numbers of this file's lines in a text, in its order. */
  List<Integer> numbersIn(String text) {
    List<Integer> numbers = new ArrayList<>();
    var matcher = Pattern.compile("<" + Pattern.quote(name) + "#(\\d{8})>").matcher(text);
    while (matcher.find()) {
      numbers.add(Integer.parseInt(matcher.group(1)));
    }
    return numbers;
  }

  static String read(Path file) {
    try {
      return Files.exists(file) ? Files.readString(file, StandardCharsets.UTF_8) : "";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
