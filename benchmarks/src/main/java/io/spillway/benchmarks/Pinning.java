package io.spillway.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * On which cores a process runs, by {@code taskset}; children inherit it.
 *
 * @param cores as {@code taskset -c} takes them; empty: on all
 * @param niceness added to the process' own
 */
record Pinning(String cores, int niceness) {

  static final Pinning NONE = new Pinning("", 0);

  static Pinning to(String cores) {
    return new Pinning(cores, 0);
  }

  Pinning nicer(int by) {
    return new Pinning(cores, niceness + by);
  }

  /** The command that starts this one so. It becomes that process: the pid is the same. */
  List<String> command(List<String> command) {
    List<String> pinned = new ArrayList<>();
    if (!cores.isEmpty()) {
      pinned.addAll(List.of("taskset", "-c", cores));
    }
    if (niceness != 0) {
      pinned.addAll(List.of("nice", "-n", String.valueOf(niceness)));
    }
    pinned.addAll(command);
    return pinned;
  }

  /** Moves every thread of this process; those that they start follow. */
  void applyToSelf() throws IOException, InterruptedException {
    if (cores.isEmpty()) {
      return;
    }
    String pid = String.valueOf(ProcessHandle.current().pid());
    Process taskset =
        new ProcessBuilder("taskset", "-a", "-c", "-p", cores, pid)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    int exitCode = taskset.waitFor();
    if (exitCode != 0) {
      throw new IOException(
          "taskset could not move this process to core " + cores + ": exit code " + exitCode);
    }
  }
}
