package io.spillway.image;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.config.BrokerConfig;
import io.spillway.config.SettingSources;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a container engine would find out about the Dockerfiles only when it builds. */
class DockerfileTest {

  private static final List<String> SCRIPTS =
      List.of(
          "broker-core/bin/spillway",
          "docker/lay-out",
          "docker/lay-out-connect",
          "docker/http-ok",
          "docker/create-bucket",
          "docker/connect/connect-worker");

  @ParameterizedTest
  @ValueSource(strings = {"Dockerfile", "connect/Dockerfile"})
  void whatIsCopiedIsThereAndSentToTheEngine(String name) throws Exception {
    List<String> ignore = Files.readAllLines(ImageFiles.repository().resolve(".dockerignore"));
    assertThat(ignore).contains("*");
    for (Dockerfile.Instruction copy : Dockerfile.read(ImageFiles.docker(name)).all("COPY")) {
      List<String> words = copy.words();
      if (words.get(0).startsWith("--from=")) {
        continue;
      }
      for (String source : words.subList(0, words.size() - 1)) {
        assertThat(ImageFiles.repository().resolve(source)).exists();
        assertThat(ignore)
            .anyMatch(
                line ->
                    source.equals(line.substring(1)) || source.startsWith(line.substring(1) + "/"));
      }
    }
  }

  @Test
  void everyModuleThatMavenReadsIsCopied() throws Exception {
    String pom = Files.readString(ImageFiles.repository().resolve("pom.xml"));
    String modules = pom.substring(pom.indexOf("<modules>"), pom.indexOf("</modules>"));
    List<String> copied = new ArrayList<>();
    Dockerfile.read(ImageFiles.docker("Dockerfile"))
        .all("COPY")
        .forEach(copy -> copied.addAll(copy.words()));
    Pattern.compile("<module>([^<]*)</module>")
        .matcher(modules)
        .results()
        .map(match -> match.group(1))
        .forEach(module -> assertThat(copied).containsAnyOf(module, module + "/pom.xml"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Dockerfile", "connect/Dockerfile"})
  void theImageRunsAsNobodyInExecFormWithAHealthCheckOfItsOwnFiles(String name) throws Exception {
    Dockerfile file = Dockerfile.read(ImageFiles.docker(name));

    assertThat(file.all("FROM"))
        .allMatch(from -> from.arguments().matches("[a-z0-9.-]+:\\S*\\d\\S*( AS \\w+)?"));
    assertThat(file.only("USER").arguments()).matches("[1-9]\\d+:[1-9]\\d+");
    assertThat(file.only("ENTRYPOINT").exec()).hasSize(1);
    assertThat(file.only("CMD").exec()).isNotEmpty();
    assertThat(file.only("HEALTHCHECK").exec().get(0)).endsWith("/bin/http-ok");
    String layOut =
        Files.readString(
            ImageFiles.docker(name.startsWith("connect") ? "lay-out-connect" : "lay-out"));
    assertThat(layOut)
        .contains("docker/http-ok")
        .contains(Path.of(file.only("ENTRYPOINT").exec().get(0)).getFileName().toString());
  }

  @Test
  void portsHealthAndVolumeAreThoseOfTheBrokersSettings() {
    Dockerfile file = Dockerfile.read(ImageFiles.docker("Dockerfile"));
    BrokerConfig config =
        BrokerConfig.of(
            SettingSources.load(Optional.of(ImageFiles.docker("broker.properties")), List.of()));
    String metrics = Integer.toString(config.metrics().listener().orElseThrow().port());

    assertThat(file.only("EXPOSE").words())
        .containsExactly(
            Integer.toString(config.listeners().listeners().get(0).bind().port()), metrics);
    assertThat(file.only("HEALTHCHECK").exec())
        .containsExactly("/opt/spillway/bin/http-ok", "127.0.0.1", metrics, "/readyz");
    assertThat(file.only("VOLUME").exec()).containsExactly(config.node().dataDir().toString());
    assertThat(file.only("CMD").exec())
        .containsExactly("serve", "--config", "/etc/spillway/broker.properties");
  }

  @Test
  void everyVariableOfTheWorkersSettingsHasAValueInItsImage() throws Exception {
    String set = Dockerfile.read(ImageFiles.docker("connect/Dockerfile")).only("ENV").arguments();
    Pattern.compile("\\$\\{env:(\\w+)}")
        .matcher(Files.readString(ImageFiles.docker("connect/worker.properties")))
        .results()
        .map(match -> match.group(1))
        .forEach(variable -> assertThat(set).contains(variable + "="));
  }

  @Test
  void theScriptsAreCleanAndMayBeRun() {
    List<String> arguments = new ArrayList<>();
    for (String script : SCRIPTS) {
      Path path = ImageFiles.repository().resolve(script);
      assertThat(path).isExecutable();
      arguments.add(path.toString());
    }
    try (ChildProcess shellcheck =
        Peers.program("shellcheck", ImageFiles.repository(), Map.of(), arguments)) {
      assertThat(shellcheck.awaitExit(Peers.PATIENCE)).as(shellcheck.output()).isZero();
    }
  }
}
