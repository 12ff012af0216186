package io.spillway.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.config.BrokerConfig;
import io.spillway.config.DirectMemory;
import io.spillway.config.ListenerConfig;
import io.spillway.config.SettingSources;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a container engine would find out about {@code docker/compose*.yaml} only when it runs. */
class ComposeTest {

  private static final long MIB = 1L << 20;

  static Stream<Compose> composes() {
    Compose base = Compose.read(ImageFiles.docker("compose.yaml"));
    return Stream.of(base, base.with(ImageFiles.docker("compose.object-wal.yaml")));
  }

  @ParameterizedTest
  @MethodSource("composes")
  void everyFileVolumeAndServiceThatIsNamedIsThere(Compose compose) {
    Set<String> volumes = Compose.map(compose.content().get("volumes")).keySet();
    for (String name : compose.services().keySet()) {
      Map<String, Object> service = compose.service(name);
      if (service.containsKey("build")) {
        Map<String, Object> build = Compose.map(service.get("build"));
        Path context = compose.directory().resolve(build.get("context").toString());
        assertThat(context.resolve(build.get("dockerfile").toString())).isRegularFile();
      }
      for (String volume : compose.list(name, "volumes")) {
        String source = volume.substring(0, volume.indexOf(':'));
        if (source.startsWith(".")) {
          assertThat(compose.directory().resolve(source)).exists();
        } else {
          assertThat(volumes).contains(source);
        }
      }
      if (service.containsKey("depends_on")) {
        Compose.map(service.get("depends_on"))
            .forEach((other, how) -> requireCondition(compose, other, Compose.map(how)));
      }
    }
  }

  private static void requireCondition(Compose compose, String other, Map<String, Object> how) {
    assertThat(compose.services()).containsKey(other);
    switch (how.get("condition").toString()) {
      case "service_healthy" ->
          assertThat(
                  compose.service(other).containsKey("healthcheck") || hasOwnHealth(compose, other))
              .as("health check of " + other)
              .isTrue();
      case "service_completed_successfully" ->
          assertThat(compose.service(other)).containsEntry("restart", "no");
      default -> throw new AssertionError("condition " + how);
    }
  }

  private static boolean hasOwnHealth(Compose compose, String service) {
    return dockerfile(compose, service)
        .map(file -> !file.last("HEALTHCHECK").isEmpty())
        .orElse(false);
  }

  private static Optional<Dockerfile> dockerfile(Compose compose, String service) {
    return Optional.ofNullable(compose.service(service).get("build"))
        .map(Compose::map)
        .map(build -> ImageFiles.repository().resolve(build.get("dockerfile").toString()))
        .map(Dockerfile::read);
  }

  @ParameterizedTest
  @MethodSource("composes")
  void imagesArePinnedAndPortsAreOfThisMachineAlone(Compose compose) {
    Set<String> published = new HashSet<>();
    for (String name : compose.services().keySet()) {
      assertThat(compose.service(name).get("image").toString())
          .matches("[a-z0-9./-]+:[A-Za-z]*[.]?\\d[A-Za-z0-9._-]*");
      for (String port : compose.list(name, "ports")) {
        assertThat(port).matches("127\\.0\\.0\\.1:\\d+:\\d+");
        assertThat(published.add(port.split(":", -1)[1])).as(port).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("composes")
  void theBrokersCommandIsOneThatItTakesAndItsClientsFindIt(Compose compose) {
    BrokerConfig config = config(compose);

    List<ListenerConfig> listeners = config.listeners().listeners();
    assertThat(listeners)
        .extracting(ListenerConfig::advertisedHost)
        .contains("broker", "localhost");
    for (ListenerConfig listener : listeners) {
      int port = listener.advertisedPort().orElseThrow();
      assertThat(listener.bind().port()).isEqualTo(port);
      if (listener.advertisedHost().equals("broker")) {
        assertThat(compose.environment("connect"))
            .containsEntry("CONNECT_BOOTSTRAP_SERVERS", "broker:" + port);
      } else {
        assertThat(compose.list("broker", "ports")).contains("127.0.0.1:" + port + ":" + port);
      }
    }
    int metrics = config.metrics().listener().orElseThrow().port();
    assertThat(compose.list("broker", "ports")).contains("127.0.0.1:" + metrics + ":" + metrics);
    String store = settings(compose).get("object.store.url");
    assertThat(store)
        .startsWith("s3://" + compose.environment("bucket").get("BUCKET"))
        .contains("endpoint=" + compose.environment("bucket").get("ENDPOINT"));
  }

  @ParameterizedTest
  @MethodSource("composes")
  void whatItIsToldByVariablesIsWhatSomebodyReads(Compose compose) throws Exception {
    String launcher = Files.readString(ImageFiles.repository().resolve("broker-core/bin/spillway"));
    for (String variable : compose.environment("broker").keySet()) {
      assertThat(variable.startsWith("AWS_") || launcher.contains("${" + variable + ":-"))
          .as(variable)
          .isTrue();
    }
    String worker =
        Files.readString(ImageFiles.docker("connect/connect-worker"))
            + Files.readString(ImageFiles.docker("connect/worker.properties"));
    for (String variable : compose.environment("connect").keySet()) {
      assertThat(worker).contains(variable);
    }
    String initialiser = Files.readString(ImageFiles.docker("create-bucket"));
    for (String variable : compose.environment("bucket").keySet()) {
      assertThat(initialiser).contains("$" + variable);
    }
  }

  @ParameterizedTest
  @MethodSource("composes")
  void secretsComeFromTheEnvironmentAndTheirDefaultsSayWhatTheyAre(Compose compose) {
    assertThat(compose.variables())
        .containsOnlyKeys("SPILLWAY_S3_ACCESS_KEY", "SPILLWAY_S3_SECRET_KEY");
    assertThat(compose.variables().values()).allMatch(value -> value.startsWith("dev-only-"));
    assertThat(compose.environment("broker").get("AWS_SECRET_ACCESS_KEY"))
        .isEqualTo(compose.environment("minio").get("MINIO_ROOT_PASSWORD"))
        .isEqualTo(compose.environment("bucket").get("SECRET_KEY"));
    assertThat(compose.environment("broker").get("AWS_ACCESS_KEY_ID"))
        .isEqualTo(compose.environment("minio").get("MINIO_ROOT_USER"))
        .isEqualTo(compose.environment("bucket").get("ACCESS_KEY"));
  }

  @ParameterizedTest
  @MethodSource("composes")
  void allTogetherFitTwoGigabytesAndEachFitsItsLimit(Compose compose) {
    long sum = 0;
    for (String name : compose.services().keySet()) {
      sum += bytes(compose.service(name).get("mem_limit").toString());
    }
    assertThat(sum).isLessThanOrEqualTo(2048 * MIB);

    Map<String, String> broker = compose.environment("broker");
    long heap = bytes(broker.get("SPILLWAY_HEAP"));
    long direct =
        bytes(broker.get("SPILLWAY_JAVA_OPTS").replaceAll(".*MaxDirectMemorySize=(\\w+).*", "$1"));
    assertThat(DirectMemory.of(config(compose)).excessOver(direct)).isEmpty();
    // Class data, code and stacks need about 100 MiB.
    assertThat(heap + direct + 120 * MIB)
        .isLessThanOrEqualTo(bytes(compose.service("broker").get("mem_limit").toString()));
    assertThat(bytes(compose.environment("connect").get("CONNECT_HEAP")) + 256 * MIB)
        .isLessThanOrEqualTo(bytes(compose.service("connect").get("mem_limit").toString()));
  }

  @ParameterizedTest
  @MethodSource("composes")
  void aStopHasTheTimeThatTheBrokerTakes(Compose compose) {
    String grace = compose.service("broker").get("stop_grace_period").toString();
    assertThat(Long.parseLong(grace.replace("s", "")) * 1_000)
        .isGreaterThanOrEqualTo(config(compose).shutdownTimeoutMs() + 20_000);
  }

  @Test
  void theWalIsOnAVolumeUnlessItIsInTheBucket() {
    List<Compose> both = composes().toList();
    assertThat(both.get(0).list("broker", "volumes"))
        .containsExactly("broker-data:" + config(both.get(0)).node().dataDir());
    assertThat(settings(both.get(0))).doesNotContainKey("wal.url");

    assertThat(settings(both.get(1))).containsEntry("wal.url", "object:");
    assertThat(both.get(1).list("broker", "volumes")).isEmpty();
    assertThat(both.get(1).list("broker", "tmpfs"))
        .anyMatch(mount -> mount.startsWith(config(both.get(1)).node().dataDir() + ":exec,"));
    List<String> changed = new ArrayList<>(both.get(1).list("broker", "command"));
    changed.removeAll(both.get(0).list("broker", "command"));
    assertThat(changed).containsExactly("--set=wal.url=object:", "--set=wal.buffer.bytes=67108864");
  }

  @Test
  void theBucketIsMadeAndNothingElseIsDoneToIt(@TempDir Path work) throws Exception {
    Path calls = work.resolve("calls");
    Path mc = work.resolve("bin/mc");
    Files.createDirectories(mc.getParent());
    Files.writeString(mc, "#!/bin/sh\necho \"$*\" >>" + calls + "\n");
    Files.setPosixFilePermissions(mc, PosixFilePermissions.fromString("rwxr-xr-x"));
    ProcessBuilder script =
        new ProcessBuilder("/bin/sh", ImageFiles.docker("create-bucket").toString())
            .redirectErrorStream(true);
    script.environment().put("PATH", mc.getParent() + ":" + System.getenv("PATH"));
    script
        .environment()
        .putAll(
            Map.of(
                "ENDPOINT", "http://minio:9000",
                "BUCKET", "spillway",
                "ACCESS_KEY", "a b",
                "SECRET_KEY", "$c"));
    assertThat(script.start().waitFor()).isZero();

    assertThat(Files.readAllLines(calls))
        .containsExactly(
            "alias set store http://minio:9000 a b $c", "mb --ignore-existing store/spillway");
  }

  private static Map<String, String> settings(Compose compose) {
    List<String> command = compose.list("broker", "command");
    assertThat(command.subList(0, 3))
        .containsExactly("serve", "--config", "/etc/spillway/broker.properties");
    assertThat(command.subList(3, command.size())).allMatch(word -> word.startsWith("--set="));
    return SettingSources.load(
        Optional.of(ImageFiles.docker("broker.properties")), Compose.overrides(command));
  }

  private static BrokerConfig config(Compose compose) {
    return BrokerConfig.of(settings(compose));
  }

  private static long bytes(String text) {
    var matcher = Pattern.compile("(\\d+)m").matcher(text);
    assertThat(matcher.matches()).as(text).isTrue();
    return Long.parseLong(matcher.group(1)) * MIB;
  }
}
