package io.spillway.object.s3;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.ObjectStores;
import io.spillway.object.s3.FaultProxy.Fault;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Where keys come from. The services that hand them out are stand-ins on this machine: none of this
 * ran against AWS itself.
 */
class S3CredentialsTest {

  private static final String BUCKET = "keys";
  private static final String FAR_FUTURE = "2099-01-01T00:00:00Z";

  @TempDir static Path directory;
  private static S3Server server;

  @TempDir Path files;
  private final Map<String, String> overwritten = new HashMap<>();
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private final SystemThreads threads =
      new SystemThreads(
          "s3-keys",
          new SystemClock(),
          (part, cause) -> {
            throw new IllegalStateException(part, cause);
          });
  private FaultProxy proxy;
  private HttpServer service;

  @BeforeAll
  static void startServer() {
    server = S3Server.start(directory);
    server.createBucket(BUCKET);
  }

  @AfterAll
  static void stopServer() {
    if (server != null) {
      server.close();
    }
  }

  @BeforeEach
  void startProxy() throws IOException {
    proxy = FaultProxy.to(server.port());
    service = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 10);
    service.start();
    set("aws.ec2MetadataDisabled", "true");
  }

  @AfterEach
  void stopAll() {
    proxy.close();
    service.stop(0);
    threads.close();
    overwritten.forEach(
        (name, value) -> {
          if (value.isEmpty()) {
            System.clearProperty(name);
          } else {
            System.setProperty(name, value);
          }
        });
  }

  private void set(String name, String value) {
    overwritten.putIfAbsent(name, System.getProperty(name, ""));
    System.setProperty(name, value);
  }

  private ObjectStore open(String parameters) {
    return ObjectStores.open(
        S3Server.url(BUCKET, proxy.port()) + parameters, Optional.empty(), threads);
  }

  private void answer(String path, Function<String, String> answer) {
    service.createContext(
        path,
        exchange -> {
          byte[] in = exchange.getRequestBody().readAllBytes();
          asked.add(exchange.getRequestURI() + " " + new String(in, StandardCharsets.UTF_8));
          byte[] out =
              answer.apply(exchange.getRequestURI().getPath()).getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(out.length == 0 ? 404 : 200, out.length);
          exchange.getResponseBody().write(out);
          exchange.close();
        });
  }

  private String url() {
    return "http://127.0.0.1:" + service.getAddress().getPort();
  }

  private static String json() {
    return """
        {"Code": "Success", "AccessKeyId": "%s", "SecretAccessKey": "%s", "Token": "session",
         "Expiration": "%s"}
        """
        .formatted(S3Server.ACCESS_KEY, S3Server.SECRET_KEY, FAR_FUTURE);
  }

  private static void assertWorks(ObjectStore store) {
    await(store.put("k", List.of(ByteBuffer.wrap(new byte[3]))));
    assertThat(await(store.getRange("k", 0, 10)).remaining()).isEqualTo(3);
  }

  private static <T> T await(CompletableFuture<T> request) {
    return request.orTimeout(60, TimeUnit.SECONDS).join();
  }

  @Test
  void theEnvironmentGivesKeys() {
    String said =
        ClientProcess.run(
            List.of(),
            Map.of(
                "AWS_ACCESS_KEY_ID",
                S3Server.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY",
                S3Server.SECRET_KEY),
            server.url(BUCKET),
            false);
    assertThat(said).endsWith("read 5\n");
  }

  @Test
  void aProfileOfTheSharedFilesGivesKeysAndIsReadAgainWhenTheyHaveExpired() throws IOException {
    Path shared = Files.writeString(files.resolve("credentials"), profile("OLDKEY", "old"));
    set("aws.sharedCredentialsFile", shared.toString());
    proxy.onEach(
        request ->
            request.signature().contains("OLDKEY")
                ? Fault.status(400, "ExpiredToken")
                : Fault.PASS);
    try (ObjectStore store = open("&profile=team")) {
      assertThatThrownBy(() -> await(store.head("k")))
          .cause()
          .isInstanceOf(ObjectStoreException.class);
      assertThatThrownBy(() -> await(store.put("k", List.of())))
          .cause()
          .isInstanceOf(ObjectStoreException.Unavailable.class)
          .hasMessageContaining("renew the keys");
    }
    Files.writeString(shared, profile(S3Server.ACCESS_KEY, S3Server.SECRET_KEY));
    try (ObjectStore store = open("&profile=team")) {
      assertWorks(store);
    }
  }

  private static String profile(String accessKey, String secretKey) {
    return "[team]\naws_access_key_id=%s\naws_secret_access_key=%s\naws_session_token=t\n"
        .formatted(accessKey, secretKey);
  }

  @Test
  void aWebIdentityIsExchangedForKeys() throws IOException {
    answer(
        "/",
        path ->
            """
            <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleWithWebIdentityResult>
                <Credentials>
                  <AccessKeyId>%s</AccessKeyId>
                  <SecretAccessKey>%s</SecretAccessKey>
                  <SessionToken>session</SessionToken>
                  <Expiration>%s</Expiration>
                </Credentials>
              </AssumeRoleWithWebIdentityResult>
            </AssumeRoleWithWebIdentityResponse>
            """
                .formatted(S3Server.ACCESS_KEY, S3Server.SECRET_KEY, FAR_FUTURE));
    Path token = Files.writeString(files.resolve("token"), "the-identity-token");
    set("aws.webIdentityTokenFile", token.toString());
    set("aws.roleArn", "arn:aws:iam::123456789012:role/spillway");
    set("aws.region", "us-east-1");
    set("aws.endpointUrlSts", url());
    try (ObjectStore store = open("&credentials=web-identity")) {
      assertWorks(store);
    }
    assertThat(asked)
        .singleElement()
        .asString()
        .contains("Action=AssumeRoleWithWebIdentity")
        .contains("the-identity-token")
        .contains("spillway");
  }

  @Test
  void theInstanceGivesKeysAndIsAskedAgainWhenTheStoreCallsThemExpired() {
    answer("/latest/api/token", path -> "metadata-token");
    answer(
        "/latest/meta-data/iam/",
        path -> {
          if (path.endsWith("/security-credentials/")) {
            return "the-role";
          }
          return path.endsWith("/security-credentials/the-role") ? json() : "";
        });
    set("aws.ec2MetadataDisabled", "false");
    set("aws.ec2MetadataServiceEndpoint", url());
    try (ObjectStore store = open("&credentials=instance")) {
      assertWorks(store);
      long before = asked.stream().filter(each -> each.contains("the-role")).count();
      assertWorks(store);
      assertThat(asked.stream().filter(each -> each.contains("the-role")).count())
          .isEqualTo(before);
      proxy.onEach(request -> Fault.status(403, "ExpiredToken"));
      assertThatThrownBy(() -> await(store.put("k", List.of())))
          .cause()
          .isInstanceOf(ObjectStoreException.Unavailable.class);
      proxy.onEach(request -> Fault.PASS);
      assertWorks(store);
      assertThat(asked.stream().filter(each -> each.contains("the-role")).count())
          .isGreaterThan(before);
    }
  }

  @Test
  void theContainerGivesKeys() {
    answer("/keys", path -> json());
    set("aws.containerCredentialsFullUri", url() + "/keys");
    try (ObjectStore store = open("&credentials=container")) {
      assertWorks(store);
    }
  }

  @Test
  void keysThatAreNowhereAreRefusedAndAServiceThatIsDownIsWaitedFor() {
    set("aws.sharedCredentialsFile", files.resolve("none").toString());
    try (ObjectStore store = open("&profile=team")) {
      assertThatThrownBy(() -> await(store.head("k")))
          .cause()
          .isInstanceOf(ObjectStoreException.Refused.class)
          .hasMessageContaining("credentials=profile");
    }
    answer("/keys", path -> "");
    set("aws.containerCredentialsFullUri", url() + "/keys");
    try (ObjectStore store = open("&credentials=container")) {
      assertThatThrownBy(() -> await(store.head("k")))
          .cause()
          .isInstanceOf(ObjectStoreException.Unavailable.class)
          .hasMessageContaining("credentials=container");
    }
  }
}
