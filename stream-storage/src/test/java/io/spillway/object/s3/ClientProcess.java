package io.spillway.object.s3;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.object.StoreCredentials;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Puts an object and reads it back, in a JVM of its own: with its own hosts file, its own keys. */
final class ClientProcess {

  private ClientProcess() {}

  /**
   * Runs it to its end.
   *
   * @param environment added to this process's
   * @return what it said
   */
  static String run(
      List<String> jvmOptions, Map<String, String> environment, String url, boolean givenKeys) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:TieredStopAtLevel=1");
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(ClientProcess.class.getName(), url, Boolean.toString(givenKeys)));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    try {
      Process process = builder.start();
      return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public static void main(String[] arguments) {
    Optional<StoreCredentials> keys =
        Boolean.parseBoolean(arguments[1]) ? S3Server.credentials() : Optional.empty();
    try (SystemThreads threads =
            new SystemThreads(
                "client",
                new SystemClock(),
                (part, cause) -> {
                  throw new IllegalStateException(part, cause);
                });
        ObjectStore store = ObjectStores.open(arguments[0], keys, threads)) {
      store.put("some/key", List.of(ByteBuffer.wrap(new byte[5]))).join();
      System.out.println("read " + store.getRange("some/key", 0, 10).join().remaining());
    }
  }
}
