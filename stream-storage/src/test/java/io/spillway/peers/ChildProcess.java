package io.spillway.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * A process whose output lines are kept, so that a test can wait for one and show all. At its end a
 * line in which Netty tells of a leaked buffer fails the test.
 */
public final class ChildProcess implements AutoCloseable {

  /** For a JVM with Netty: it watches every buffer, and tells of each that was not released. */
  public static final List<String> LEAK_DETECTION =
      List.of(
          "-Dio.netty.leakDetection.level=paranoid", "-Dio.netty.leakDetection.targetRecords=8");

  private final Process process;
  private final String name;
  private final List<String> stdout = new ArrayList<>();
  private final List<String> stderr = new ArrayList<>();
  private final List<Thread> pumps = new ArrayList<>();

  private ChildProcess(String name, Process process) {
    this.name = name;
    this.process = process;
    pump(process.inputReader(StandardCharsets.UTF_8), stdout, "out");
    pump(process.errorReader(StandardCharsets.UTF_8), stderr, "err");
  }

  /** Starts the command in the directory, with the environment added to this process's. */
  public static ChildProcess start(
      String name, Path directory, Map<String, String> environment, List<String> command) {
    ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
    builder.environment().putAll(environment);
    try {
      return new ChildProcess(name, builder.start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void pump(BufferedReader reader, List<String> lines, String kind) {
    Thread thread =
        new Thread(
            () -> {
              try (reader) {
                String line = reader.readLine();
                while (line != null) {
                  synchronized (this) {
                    lines.add(line);
                    notifyAll();
                  }
                  line = reader.readLine();
                }
              } catch (IOException e) {
                // The process is gone; what it said is kept.
              }
            },
            name + "-" + kind);
    thread.setDaemon(true);
    thread.start();
    pumps.add(thread);
  }

  /** Writes a line to the process's standard input. */
  public void say(String line) {
    try {
      OutputStream out = process.getOutputStream();
      out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      out.flush();
    } catch (IOException e) {
      throw new UncheckedIOException(name + " does not read its input:\n" + output(), e);
    }
  }

  /** Writes to the process's standard input and closes it. */
  public void feed(byte[] input) {
    try (OutputStream out = process.getOutputStream()) {
      out.write(input);
    } catch (IOException e) {
      throw new UncheckedIOException(name + " does not read its input:\n" + output(), e);
    }
  }

  /** The first line of standard output that matches; fails when the process ends without one. */
  public String awaitLine(Predicate<String> matches, Duration timeout) {
    return awaitLine(stdout, matches, timeout);
  }

  /** As {@link #awaitLine(Predicate, Duration)}, of standard error. */
  public String awaitErrorLine(Predicate<String> matches, Duration timeout) {
    return awaitLine(stderr, matches, timeout);
  }

  private String awaitLine(List<String> lines, Predicate<String> matches, Duration timeout) {
    long deadline = System.nanoTime() + timeout.toNanos();
    synchronized (this) {
      while (true) {
        Optional<String> line = lines.stream().filter(matches).findFirst();
        if (line.isPresent()) {
          return line.get();
        }
        long leftMs = (deadline - System.nanoTime()) / 1_000_000;
        if (leftMs <= 0 || (!process.isAlive() && pumps.stream().noneMatch(Thread::isAlive))) {
          throw new AssertionError(name + " did not say what was awaited:\n" + output());
        }
        try {
          wait(Math.min(leftMs, 100));
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }
  }

  /** Waits for the end; fails when it does not come in time. */
  public int awaitExit(Duration timeout) {
    try {
      if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError(name + " did not end within " + timeout + ":\n" + output());
      }
      for (Thread pump : pumps) {
        pump.join();
      }
      requireNoLeak();
      return process.exitValue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Waits for the end and demands exit code 0. */
  public ChildProcess awaitSuccess(Duration timeout) {
    int exitCode = awaitExit(timeout);
    if (exitCode != 0) {
      throw new AssertionError(name + " ended with " + exitCode + ":\n" + output());
    }
    return this;
  }

  private void requireNoLeak() {
    if (stderr().stream().anyMatch(line -> line.contains(" LEAK: "))) {
      throw new AssertionError(name + " leaked a buffer:\n" + output());
    }
  }

  public synchronized List<String> stdout() {
    return List.copyOf(stdout);
  }

  public synchronized List<String> stderr() {
    return List.copyOf(stderr);
  }

  /** Everything it said, for a failure's message. */
  public synchronized String output() {
    return String.join("\n", stdout) + "\n--- stderr\n" + String.join("\n", stderr);
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  public long pid() {
    return process.pid();
  }

  /** SIGTERM; what it still says is kept. */
  public void terminate() {
    process.toHandle().destroy(); // the process's own method would close its output
  }

  /** SIGINT, as of Ctrl-C. */
  public void interrupt() {
    signal("INT");
  }

  /** SIGSTOP: the process does nothing until {@link #resume}, and does not know it. */
  public void pause() {
    signal("STOP");
  }

  /** SIGCONT. */
  public void resume() {
    signal("CONT");
  }

  private void signal(String signal) {
    List<String> kill = List.of("sh", "-c", "kill -" + signal + " " + pid());
    start(name + "-signal", Path.of("."), Map.of(), kill).awaitSuccess(Duration.ofSeconds(30));
  }

  /** SIGKILL. */
  public void kill() {
    process.destroyForcibly();
    awaitExit(Duration.ofSeconds(30));
  }

  @Override
  public void close() {
    if (process.isAlive()) {
      kill();
    } else {
      requireNoLeak();
    }
  }
}
