package io.spillway.benchmarks;

import io.spillway.runtime.AmbientRuntime;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;

/** An S3 server over a directory, anonymous, with one bucket; its libraries are a build's peers. */
@AmbientRuntime
final class S3ProxyProcess implements AutoCloseable {

  private static final String BUCKET = "bench";
  private static final int START_TIMEOUT_SECONDS = 60;

  private final Process process;
  private final String endpoint;

  private S3ProxyProcess(Process process, String endpoint) {
    this.process = process;
    this.endpoint = endpoint;
  }

  /** Returns when it answers. */
  static S3ProxyProcess start(Path root, Path directory) throws IOException, InterruptedException {
    Path lib = root.resolve("broker-core/peers/s3proxy/target/lib");
    if (!Files.isDirectory(lib)) {
      throw new IOException("no S3Proxy in " + lib + ": build with ./mvnw package");
    }
    Path buckets = directory.resolve("buckets");
    Files.createDirectories(buckets.resolve(BUCKET));
    String endpoint = "http://127.0.0.1:" + SystemUnderTest.freePort();
    Path properties = directory.resolve("s3proxy.conf");
    Files.writeString(
        properties,
        """
        s3proxy.endpoint=%s
        s3proxy.authorization=none
        s3proxy.ignore-unknown-headers=true
        jclouds.provider=filesystem-nio2
        jclouds.filesystem.basedir=%s
        """
            .formatted(endpoint, buckets));
    // Without one it tells of every chunk of every body.
    Path logback =
        Files.writeString(
            directory.resolve("logback.xml"),
            "<configuration><root level=\"off\"/></configuration>");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-Dlogback.configurationFile=" + logback,
                "-cp",
                lib + "/*",
                "org.gaul.s3proxy.Main",
                "--properties",
                properties.toString())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("s3proxy.log").toFile())
            .start();
    S3ProxyProcess server = new S3ProxyProcess(process, endpoint);
    server.awaitAnswer(directory);
    return server;
  }

  private void awaitAnswer(Path directory) throws IOException, InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(endpoint + "/" + BUCKET)).build();
    HttpClient client = HttpClient.newHttpClient();
    long deadline = System.nanoTime() + START_TIMEOUT_SECONDS * 1_000_000_000L;
    while (System.nanoTime() < deadline && process.isAlive()) {
      try {
        if (client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200) {
          return;
        }
      } catch (IOException e) {
        // Not listening yet.
      }
      Thread.sleep(100);
    }
    process.destroyForcibly();
    throw new IOException(
        "S3Proxy does not answer at "
            + endpoint
            + ": "
            + Files.readString(directory.resolve("s3proxy.log")));
  }

  /** Of the bucket, for a broker. */
  String url(String prefix) {
    return "s3://" + BUCKET + "/" + prefix + "?endpoint=" + endpoint + "&credentials=anonymous";
  }

  @Override
  public void close() throws InterruptedException {
    process.destroyForcibly().waitFor();
  }
}
