package io.spillway.main;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Jars that are not there: a start that says so, and not one that waits for the bucket for ever.
 */
class DamagedInstallationTest {

  @TempDir Path work;

  @ParameterizedTest
  @CsvSource({
    "aws-xml-protocol-, AwsXmlProtocolFactory", // missed when the client is made
    "netty-codec-http-, HttpHeaders" // missed when the first request is sent
  })
  void aMissingClassEndsTheStartAndIsNamed(String jar, String className) {
    List<String> settings =
        List.of(
            "listeners=PLAINTEXT://127.0.0.1:0",
            "metrics.listener=off",
            "data.dir=" + work.resolve("data"),
            "object.store.url=s3://bucket/folder?region=eu-west-1&endpoint=http://127.0.0.1:1",
            "object.store.access.key=key",
            "object.store.secret.key=secret");
    try (ChildProcess refused = BrokerProcess.launchWithout(jar, work, settings)) {
      assertThat(refused.awaitExit(Peers.PATIENCE)).as(refused.output()).isEqualTo(2);
      assertThat(refused.stderr())
          .last()
          .asString()
          .startsWith("spillway: ")
          .contains(className)
          .containsPattern("install (it|this version) anew");
    }
  }
}
