package io.spillway.main;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs commands in this process, and keeps what the last one said. */
final class CommandRun {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  int check(Path data, String... more) {
    return run(more, "check", "--set", "data.dir=" + data);
  }

  int backup(Path data, String to) {
    return run(new String[0], "backup", "--set", "data.dir=" + data, "--to", to);
  }

  int restore(Path data, String from) {
    return run(new String[0], "restore", "--set", "data.dir=" + data, "--from", from);
  }

  /** The exit code. */
  int run(String[] more, String... arguments) {
    out.reset();
    err.reset();
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return Commands.execute(
        all,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  String err() {
    return err.toString(StandardCharsets.UTF_8);
  }
}
