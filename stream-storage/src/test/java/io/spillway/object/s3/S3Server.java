package io.spillway.object.s3;

import io.spillway.object.StoreCredentials;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * An S3 server as a process of its own: S3Proxy over a directory, whose folders are the buckets. It
 * checks signatures, and its create-if-absent is sound; its If-Match is not.
 */
public final class S3Server implements AutoCloseable {

  public static final String ACCESS_KEY = "spillway-test";
  public static final String SECRET_KEY = "spillway-secret";

  private static final Pattern STARTED =
      Pattern.compile("Started .*ServerConnector@.*\\{127\\.0\\.0\\.1:(\\d+)}");
  private static final String LOGBACK =
      """
      <configuration>
        <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
          <encoder><pattern>%msg%n</pattern></encoder>
        </appender>
        <root level="info"><appender-ref ref="out"/></root>
      </configuration>
      """;

  private final Process process;
  private final Path directory;
  private final int port;

  private S3Server(Process process, Path directory, int port) {
    this.process = process;
    this.directory = directory;
    this.port = port;
  }

  /** Starts on any free port. */
  public static S3Server start(Path directory) {
    return start(directory, 0);
  }

  /**
   * One that takes the bucket from the host name, {@code BUCKET.localhost}, and only from there.
   */
  static S3Server startWithVirtualHosts(Path directory) {
    return start(directory, 0, List.of("s3proxy.virtual-host=localhost"));
  }

  /**
   * One that speaks TLS, and only that.
   *
   * @param keyStore PKCS12, with the password {@code changeit}
   */
  static S3Server startWithTls(Path directory, Path keyStore) {
    return start(
        directory,
        0,
        List.of(
            "s3proxy.secure-endpoint=https://127.0.0.1:0",
            "s3proxy.keystore-path=" + keyStore,
            "s3proxy.keystore-password=changeit"));
  }

  /** One that takes these keys, and no others. */
  public static S3Server startWithKeys(
      Path directory, int port, String accessKey, String secretKey) {
    return start(
        directory,
        port,
        List.of("s3proxy.identity=" + accessKey, "s3proxy.credential=" + secretKey));
  }

  /**
   * Starts and waits until it answers; the test is skipped where its libraries are not built.
   *
   * @param directory of buckets; made if there is none
   * @param port to listen on; 0: any
   */
  public static S3Server start(Path directory, int port) {
    return start(directory, port, List.of());
  }

  private static S3Server start(Path directory, int port, List<String> more) {
    Path lib = repository().resolve("broker-core/peers/s3proxy/target/lib");
    Assumptions.assumeTrue(
        Files.isDirectory(lib), () -> "the libraries of s3proxy are not built: " + lib);
    try {
      Path buckets = Files.createDirectories(directory.resolve("buckets"));
      Path logback = Files.writeString(directory.resolve("logback.xml"), LOGBACK);
      List<String> settings =
          new ArrayList<>(
              List.of(
                  "s3proxy.endpoint=http://127.0.0.1:" + port,
                  "s3proxy.authorization=aws-v2-or-v4",
                  "s3proxy.identity=" + ACCESS_KEY,
                  "s3proxy.credential=" + SECRET_KEY,
                  "s3proxy.ignore-unknown-headers=true",
                  "jclouds.provider=filesystem-nio2",
                  "jclouds.identity=none",
                  "jclouds.credential=none",
                  "jclouds.filesystem.basedir=" + buckets));
      settings.addAll(more);
      if (more.toString().contains("secure-endpoint")) {
        settings.removeIf(line -> line.startsWith("s3proxy.endpoint="));
      }
      Path file = Files.write(directory.resolve("s3proxy.conf"), settings);
      Process process =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-Xmx192m",
                  "-XX:+UseSerialGC",
                  "-XX:TieredStopAtLevel=1",
                  "-Dlogback.configurationFile=" + logback,
                  "-cp",
                  lib + "/*",
                  "org.gaul.s3proxy.Main",
                  "--properties",
                  file.toString())
              .redirectErrorStream(true)
              .start();
      return new S3Server(process, buckets, awaitPort(process));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of the line that says it; what comes after is read and dropped, so that it can be written. */
  private static int awaitPort(Process process) {
    CompletableFuture<Integer> found = new CompletableFuture<>();
    Thread reader =
        new Thread(
            () -> {
              StringBuilder said = new StringBuilder();
              try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                  Matcher matcher = STARTED.matcher(line);
                  if (matcher.find()) {
                    found.complete(Integer.parseInt(matcher.group(1)));
                  } else if (!found.isDone()) {
                    said.append(line).append('\n');
                  }
                }
              } catch (IOException e) {
                // The process is gone.
              }
              found.completeExceptionally(new IllegalStateException("s3proxy ended:\n" + said));
            },
            "s3proxy-output");
    reader.setDaemon(true);
    reader.start();
    return found.orTimeout(120, TimeUnit.SECONDS).join();
  }

  /** The directory that holds this project, wherever the test was started from. */
  private static Path repository() {
    Path here = Path.of("").toAbsolutePath();
    return Stream.iterate(here, Objects::nonNull, Path::getParent)
        .filter(directory -> Files.isDirectory(directory.resolve("broker-core/peers")))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no broker-core/peers above " + here));
  }

  /** Makes a bucket unless it is there. */
  public void createBucket(String bucket) {
    try {
      Files.createDirectories(directory.resolve(bucket));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where the objects of a bucket are, as files. */
  public Path files(String bucket) {
    return directory.resolve(bucket);
  }

  public int port() {
    return port;
  }

  /** The URL of a bucket, to which parameters can be added with {@code &}. */
  public String url(String bucketAndPrefix) {
    return url(bucketAndPrefix, port);
  }

  /** The same behind another port: a proxy's. */
  public static String url(String bucketAndPrefix, int port) {
    return "s3://" + bucketAndPrefix + "?endpoint=http://127.0.0.1:" + port;
  }

  public static Optional<StoreCredentials> credentials() {
    return Optional.of(new StoreCredentials(ACCESS_KEY, SECRET_KEY, Optional.empty()));
  }

  /** Ends it at once; the buckets stay. */
  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
