package io.spillway.object.s3;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.Multipart;
import io.spillway.object.ObjectStoreContract;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.ObjectStores;
import io.spillway.object.StoreCredentials;
import io.spillway.object.StoreProbe;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemRandom;
import io.spillway.runtime.SystemThreads;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The contract over the wire, against S3Proxy. */
class S3ObjectStoreTest extends ObjectStoreContract {

  @TempDir static Path directory;
  private static S3Server server;
  private static int buckets;

  private final SystemThreads threads =
      new SystemThreads(
          "s3-test",
          new SystemClock(),
          (part, cause) -> {
            throw new IllegalStateException(part, cause);
          });

  @BeforeAll
  static void startServer() {
    server = S3Server.start(directory);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  @AfterEach
  void endThreads() {
    threads.close();
  }

  @Override
  protected ObjectStore newStore() {
    return open(newBucket() + "/some/prefix", "");
  }

  /** S3 takes no smaller parts. */
  @Override
  protected int partBytes() {
    return 5 << 20;
  }

  private static String newBucket() {
    String bucket = "bucket-" + ++buckets;
    server.createBucket(bucket);
    return bucket;
  }

  private ObjectStore open(String bucketAndPrefix, String parameters) {
    return ObjectStores.open(
        server.url(bucketAndPrefix) + parameters, S3Server.credentials(), threads);
  }

  @Test
  void aBucketWithoutPrefixHoldsTheSameKeys() {
    String bucket = newBucket();
    try (ObjectStore whole = open(bucket, "");
        ObjectStore inFolder = open(bucket + "/x/", "")) {
      await(inFolder.put("y/z", List.of(ByteBuffer.wrap(new byte[3]))));
      assertThat(await(whole.list("", "", 10)))
          .containsExactly(new ObjectStore.ObjectInfo("x/y/z", 3));
      await(whole.put("other", List.of()));
      assertThat(await(inFolder.list("", "", 10)))
          .containsExactly(new ObjectStore.ObjectInfo("y/z", 3));
    }
  }

  @Test
  void worksWithoutChecksums() {
    try (ObjectStore store = open(newBucket(), "&checksums=when-required")) {
      byte[] bytes = new byte[6 << 20];
      new Random(1).nextBytes(bytes);
      Multipart upload = await(store.startMultipart("m", 5 << 20));
      await(upload.uploadPart(1, List.of(ByteBuffer.wrap(bytes, 0, 5 << 20))));
      await(upload.uploadPart(2, List.of(ByteBuffer.wrap(bytes, 5 << 20, 1 << 20))));
      await(upload.complete());
      assertThat(await(store.getRange("m", 0, bytes.length))).isEqualTo(ByteBuffer.wrap(bytes));
    }
  }

  @Test
  void theHostNameCanNameTheBucket(@TempDir Path other) throws Exception {
    Path hosts = Files.writeString(other.resolve("hosts"), "127.0.0.1 my-bucket.localhost");
    try (S3Server virtual = S3Server.startWithVirtualHosts(other)) {
      virtual.createBucket("my-bucket");
      String said =
          ClientProcess.run(
              List.of("-Djdk.net.hosts.file=" + hosts),
              Map.of(),
              "s3://my-bucket?pathStyle=false&endpoint=http://localhost:" + virtual.port(),
              true);
      assertThat(said).endsWith("read 5\n");
      assertThat(virtual.files("my-bucket").resolve("some/key")).exists();
    }
  }

  @Test
  void aStoreBehindTlsIsTrustedByTheCertificateThatIsNamed(@TempDir Path other) throws Exception {
    Path keyStore = other.resolve("keys.p12");
    Path certificate = other.resolve("ca.pem");
    keytool(
        "-genkeypair", keyStore, "-keyalg", "EC", "-dname", "CN=s3", "-ext", "san=ip:127.0.0.1");
    keytool("-exportcert", keyStore, "-rfc", "-file", certificate.toString());
    try (S3Server secure = S3Server.startWithTls(other, keyStore)) {
      secure.createBucket("my-bucket");
      String url = "s3://my-bucket?endpoint=https://127.0.0.1:" + secure.port();
      byte[] bytes = new byte[300_000];
      new Random(3).nextBytes(bytes);
      try (ObjectStore store =
          ObjectStores.open(url + "&ca=" + certificate, S3Server.credentials(), threads)) {
        await(store.put("k", List.of(ByteBuffer.wrap(bytes))));
        assertThat(await(store.getRange("k", 0, bytes.length))).isEqualTo(ByteBuffer.wrap(bytes));
      }
      try (ObjectStore store = ObjectStores.open(url, S3Server.credentials(), threads)) {
        assertThatThrownBy(() -> await(store.put("k", List.of())))
            .cause()
            .isInstanceOf(ObjectStoreException.Refused.class)
            .hasMessageContaining("ca=FILE");
      }
    }
  }

  private static void keytool(String command, Path keyStore, String... more) throws Exception {
    List<String> all =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                command,
                "-keystore",
                keyStore.toString(),
                "-storepass",
                "changeit",
                "-storetype",
                "PKCS12",
                "-alias",
                "s3"));
    all.addAll(List.of(more));
    Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
  }

  /** A broker without a bucket pays nothing for what a bucket needs. */
  @Test
  void aDirectoryStoreLoadsNoClassOfTheSdk(@TempDir Path other) throws Exception {
    Path loaded = other.resolve("classes.log");
    String said =
        ClientProcess.run(
            List.of("-Xlog:class+load=info:file=" + loaded),
            Map.of(),
            "file:" + other.resolve("store"),
            false);
    assertThat(said).endsWith("read 5\n");
    assertThat(Files.readString(loaded))
        .contains("io.spillway.object.DirectoryObjectStore")
        .doesNotContain("software.amazon", "io.netty", "io.spillway.object.s3.S3ObjectStore");
  }

  @Test
  void theProbeAcceptsTheStoreAndLeavesNothing() {
    try (ObjectStore store = open(newBucket(), "")) {
      await(StoreProbe.run(store, "probe/", threads.newScheduler("probe"), new SystemRandom()));
      assertThat(await(store.list("", "", 10))).isEmpty();
    }
  }

  @Test
  void aMissingBucketIsRefusedByName() {
    try (ObjectStore store = open("no-such-bucket", "")) {
      assertThatThrownBy(() -> await(store.put("k", List.of())))
          .hasRootCauseInstanceOf(Exception.class)
          .cause()
          .isInstanceOf(ObjectStoreException.Refused.class)
          .hasMessageContaining("no-such-bucket")
          .hasMessageContaining("create the bucket");
    }
  }

  @Test
  void wrongKeysAreRefusedAndNotShown() {
    var wrong = new StoreCredentials(S3Server.ACCESS_KEY, "not-the-secret", Optional.empty());
    try (ObjectStore store =
        ObjectStores.open(server.url(newBucket()), Optional.of(wrong), threads)) {
      assertThatThrownBy(() -> await(store.put("k", List.of())))
          .cause()
          .isInstanceOf(ObjectStoreException.Refused.class)
          .hasMessageContaining("403")
          .satisfies(e -> assertThat(e.toString()).doesNotContain("not-the-secret"));
    }
  }

  @Test
  void aClosedStoreSaysSo() {
    ObjectStore store = open(newBucket(), "");
    store.close();
    store.close();
    assertThatThrownBy(() -> await(store.head("k")))
        .hasRootCauseInstanceOf(ObjectStoreException.Unavailable.class)
        .hasMessageContaining("closed");
  }
}
