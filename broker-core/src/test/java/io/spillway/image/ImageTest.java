package io.spillway.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The broker's image without an engine: its files, its entry point, its user, its health check. */
@Tag("full")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ImageTest {

  @TempDir static Path work;
  private static ImageFiles image;
  private static final Dockerfile FILE = Dockerfile.read(ImageFiles.docker("Dockerfile"));

  @BeforeAll
  static void layOut() {
    image = ImageFiles.broker(work);
  }

  @AfterAll
  static void unseal() {
    if (image != null) { // skipped where nothing is packaged
      image.unseal();
    }
  }

  @Test
  void startsFromReadOnlyFilesAsNobodyIsHealthyAndStopsOnSigterm() throws Exception {
    Path data = Files.createDirectories(work.resolve("data"));
    int metrics = BrokerProcess.freePort();
    List<String> command = new ArrayList<>(FILE.only("ENTRYPOINT").exec());
    for (String argument : FILE.only("CMD").exec()) {
      command.add(argument.startsWith("/etc") ? image.at(argument).toString() : argument);
    }
    command.add("--set=data.dir=" + data);
    command.add("--set=listeners=PLAINTEXT://127.0.0.1:0");
    command.add("--set=metrics.listener=127.0.0.1:" + metrics);

    try (ChildProcess broker = image.start("broker", data, ImageFiles.LEAK_DETECTION, command)) {
      assertThat(health(metrics)).isNotZero();
      broker.awaitLine(line -> line.startsWith("spillway ready "), Peers.PATIENCE);
      assertThat(health(metrics)).isZero();
      assertThat(Files.readString(Path.of("/proc/" + broker.pid() + "/cmdline")))
          .as("the process that gets the signals is the JVM")
          .startsWith(image.at("/opt/java/bin/java").toString());

      broker.terminate();
      broker.awaitSuccess(Peers.PATIENCE);
      assertThat(health(metrics)).isNotZero();
    }
    System.out.printf("the image's files take %d MiB%n", image.bytes() >> 20);
  }

  /** The health check of the Dockerfile, on the port that this test gave the broker. */
  private static int health(int port) {
    List<String> check = new ArrayList<>(FILE.only("HEALTHCHECK").exec());
    check.set(2, Integer.toString(port));
    try (ChildProcess process = image.start("health", Path.of("/tmp"), Map.of(), check)) {
      return process.awaitExit(Peers.PATIENCE);
    }
  }

  @Test
  void theClassDataThatWasMadeIsTaken() throws Exception {
    Path home = Files.createDirectories(work.resolve("home"));
    boolean aot = Files.exists(image.at("/opt/spillway/class-data/spillway-25.aot"));
    // The JVM ends at once where it is told to insist and the archive does not fit.
    String insist = aot ? "-XX:AOTMode=on" : "-Xshare:on";
    try (ChildProcess version =
        image.start(
            "version",
            home,
            Map.of("SPILLWAY_JAVA_OPTS", insist, "HOME", home.toString()),
            List.of("/opt/spillway/bin/spillway", "version"))) {
      version.awaitSuccess(Peers.PATIENCE);
      assertThat(version.stdout()).singleElement().asString().startsWith("spillway ");
      assertThat(version.stderr()).isEmpty();
    }
  }
}
