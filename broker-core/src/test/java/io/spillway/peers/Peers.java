package io.spillway.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;

/** Where the peers are, and how to run them. */
public final class Peers {

  /** Long enough for a loaded machine; no test passes by waiting it out. */
  public static final Duration PATIENCE = Duration.ofSeconds(120);

  private Peers() {}

  /** Runs a main class of a peer's libraries, e.g. {@code kafka-connect}. */
  public static ChildProcess java(
      String peer,
      Path workDirectory,
      List<String> jvmOptions,
      String mainClass,
      List<String> arguments) {
    Path lib = moduleDirectory().resolve("peers").resolve(peer).resolve("target/lib");
    Assumptions.assumeTrue(
        Files.isDirectory(lib), () -> "the libraries of " + peer + " are not built: " + lib);
    return javaOn(lib + "/*", workDirectory, jvmOptions, mainClass, arguments);
  }

  /** Runs one of this project's test programs on a peer's libraries. */
  public static ChildProcess ownJava(
      String peer, Path workDirectory, String mainClass, List<String> arguments) {
    Path lib = moduleDirectory().resolve("peers").resolve(peer).resolve("target/lib");
    Assumptions.assumeTrue(
        Files.isDirectory(lib), () -> "the libraries of " + peer + " are not built: " + lib);
    String classPath = moduleDirectory().resolve("target/test-classes") + ":" + lib + "/*";
    return javaOn(classPath, workDirectory, List.of(), mainClass, arguments);
  }

  private static ChildProcess javaOn(
      String classPath,
      Path workDirectory,
      List<String> jvmOptions,
      String mainClass,
      List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m"));
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", classPath, mainClass));
    command.addAll(arguments);
    return ChildProcess.start(
        mainClass.substring(mainClass.lastIndexOf('.') + 1), workDirectory, Map.of(), command);
  }

  /** Runs a program of the machine; the test is skipped, saying why, where it is not installed. */
  public static ChildProcess program(
      String program, Path workDirectory, Map<String, String> environment, List<String> arguments) {
    Assumptions.assumeTrue(
        isInstalled(program), () -> program + " is not installed; .ci/setup installs it");
    List<String> command = new ArrayList<>();
    command.add(program);
    command.addAll(arguments);
    return ChildProcess.start(program, workDirectory, environment, command);
  }

  private static boolean isInstalled(String program) {
    for (String directory : System.getenv("PATH").split(":", -1)) {
      if (Files.isExecutable(Path.of(directory, program))) {
        return true;
      }
    }
    return false;
  }

  /** {@code broker-core}, wherever the test was started from. */
  public static Path moduleDirectory() {
    try {
      Path here = Path.of("").toRealPath();
      return here.endsWith("broker-core") ? here : here.resolve("broker-core");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
