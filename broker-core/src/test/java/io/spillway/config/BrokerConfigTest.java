package io.spillway.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BrokerConfigTest {

  @TempDir Path dir;

  @Test
  void defaultsAreTheEmbeddedBroker() {
    BrokerConfig config = BrokerConfig.defaults();

    assertThat(config.listeners().listeners())
        .containsExactly(
            new ListenerConfig(
                "PLAINTEXT", new HostPort("127.0.0.1", 9092), "127.0.0.1", Optional.of(9092)));
    assertThat(config.listeners().interBrokerListener()).isEqualTo("PLAINTEXT");
    assertThat(config.node().nodeId()).isEqualTo(1);
    assertThat(config.node().dataDir()).isEqualTo(Path.of("spillway-data").toAbsolutePath());
    assertThat(config.storage().walDir()).isEqualTo(config.node().dataDir().resolve("wal"));
    assertThat(config.storage().objects().directory())
        .contains(config.node().dataDir().resolve("store"));
    assertThat(config.metrics().mustBind()).isFalse();
    assertThat(config.topics().retentionMs()).isEqualTo(604_800_000);
    assertThat(config.budgets().inFlightBytes()).isEqualTo(128 << 20);
    assertThat(config.notes()).isEmpty();
    assertThat(config.kafkaProperties())
        .containsEntry("node.id", "1")
        .containsEntry("num.partitions", "1")
        .doesNotContainKeys("data.dir", "log.retention.ms");
  }

  @Test
  void everyDefaultIsValidByItself() {
    for (Setting setting : Settings.read()) {
      if (setting.defaultValue() != null) {
        assertThat(setting.requireValid(setting.defaultValue())).isEqualTo(setting.defaultValue());
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          num.partitions=0                  | invalid setting num.partitions=0: valid is a whole number of at least 1
          num.partitions=many               | invalid setting num.partitions=many: valid is a whole number of at least 1
          offsets.topic.replication.factor=40000 | valid is a whole number of at least 1
          auto.create.topics.enable=yes     | invalid setting auto.create.topics.enable=yes: valid is true or false
          num.partitons=3                   | unknown setting num.partitons: did you mean num.partitions?
          wal.capacity=1                    | unknown setting wal.capacity: did you mean wal.capacity.bytes?
          log.retention.millis=1            | unknown setting log.retention.millis: did you mean log.retention.ms?
          group.min.session.timeouts.ms=1   | unknown setting group.min.session.timeouts.ms: did you mean group.min.session.timeout.ms?
          zxqvbnm=1                         | unknown setting zxqvbnm: docs/configuration.md lists the settings
          group.consumer.migration.policy=x | valid is one of disabled, downgrade, upgrade, bidirectional
          log.cleanup.policy=compact,drop   | valid is a list of compact, delete
          log.segment.bytes=5               | valid is a whole number of at least 1048576
          wal.url=object:/x                 | valid is file:DIR, as in file:/var/lib/spillway, or object: for the bucket
          object.store.url=s3://b/p?regoin=x | invalid object.store.url: unknown parameter 'regoin'
          object.store.url=gs://b           | valid is file:DIR, as in file:/var/lib/spillway, or s3://BUCKET/PREFIX
          object.store.access.key=AKIA      | set both of object.store.access.key and object.store.secret.key
          wal.url=file:                     | valid is file:DIR, as in
          wal.url=file://host/dir           | valid is file:DIR, as in
          listeners=PLAINTEXT://0.0.0.0:9092 | listener PLAINTEXT would advertise 0.0.0.0:9092, which clients cannot connect to: set advertised.listeners, as in --set advertised.listeners=PLAINTEXT://HOST:9092
          advertised.listeners=PLAINTEXT://0.0.0.0:9092 | listener PLAINTEXT would advertise 0.0.0.0:9092
          advertised.listeners=PLAINTEXT://:9092 | listener PLAINTEXT would advertise :9092
          advertised.listeners=OTHER://h:1  | addresses of names in listeners, and OTHER is not one
          listeners=localhost:9092          | invalid setting listeners=localhost:9092: valid is NAME://HOST:PORT
          listeners=PLAINTEXT://h:99999     | valid is NAME://HOST:PORT
          listeners=PLAINTEXT://h:1,PLAINTEXT://h:2 | one address per listener name
          listeners=SSL://h:1               | invalid setting listener.security.protocol.map=SSL:SSL: valid is PLAINTEXT for every name in listeners: this release has no SSL
          listeners=INSIDE://h:1            | add INSIDE:PLAINTEXT
          listeners=,                       | at least one listener
          inter.broker.listener.name=OTHER  | valid is one of PLAINTEXT
          controller.listener.names=PLAINTEXT | at least one listener that controller.listener.names does not name
          queued.max.request.bytes=1000     | valid is at least socket.request.max.bytes, which is 104857600
          process.roles=controller          | a list with broker in it
          log.retention.ms=0                | invalid setting log.retention.ms=0: valid is -1 (forever) or at least 1
          metrics.listener=9404             | valid is HOST:PORT, as in 127.0.0.1:9404, or off
          max.connections.per.ip.overrides=h | valid is HOST:COUNT
          authorizer.class.name=org.Example | setting authorizer.class.name=org.Example is not supported
          upload.bytes=1000000000           | valid is at most half of wal.capacity.bytes, which is 1073741824
          config.providers=file             | setting config.providers=file is not supported
          """)
  void refusesByNameValueAndWhatIsValid(String override, String message) {
    Map<String, String> settings = SettingSources.load(Optional.empty(), List.of(override));

    assertThatThrownBy(() -> BrokerConfig.of(settings))
        .isInstanceOf(InvalidSettingException.class)
        .hasMessageContaining(message)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void refusesNodeIdsThatDisagree() {
    assertThatThrownBy(() -> BrokerConfig.of(Map.of("node.id", "2", "broker.id", "3")))
        .hasMessage("invalid setting broker.id=3: valid is node.id, which is 2");
    assertThat(BrokerConfig.of(Map.of("broker.id", "3")).node().nodeId()).isEqualTo(3);
    assertThat(BrokerConfig.of(Map.of("node.id", "2", "broker.id", "2")).node().nodeId())
        .isEqualTo(2);
  }

  @Test
  void refusesOneDirectoryForWalAndStore() {
    assertThatThrownBy(
            () -> BrokerConfig.of(Map.of("wal.url", "file:/x", "object.store.url", "file:/x/y")))
        .hasMessageContaining("invalid setting wal.url=file:/x: valid is a directory apart from");
  }

  @Test
  void takesTheFinestRetentionThatWasSet() {
    assertThat(BrokerConfig.of(Map.of("log.retention.hours", "2")).topics().retentionMs())
        .isEqualTo(7_200_000);
    assertThat(
            BrokerConfig.of(Map.of("log.retention.hours", "2", "log.retention.minutes", "3"))
                .topics()
                .retentionMs())
        .isEqualTo(180_000);
    assertThat(
            BrokerConfig.of(Map.of("log.retention.minutes", "3", "log.retention.ms", "-1"))
                .topics()
                .retentionMs())
        .isEqualTo(-1);
  }

  @Test
  void anEmptyHostAdvertisesThisMachine() {
    BrokerConfig config =
        BrokerConfig.of(Map.of("listeners", "PLAINTEXT://:0"), () -> "this.example");

    ListenerConfig listener = config.listeners().listeners().get(0);
    assertThat(listener.bind()).isEqualTo(new HostPort("", 0));
    assertThat(listener.advertised(4711)).isEqualTo(new HostPort("this.example", 4711));
  }

  @Test
  void readsBracketedAddresses() {
    BrokerConfig config = BrokerConfig.of(Map.of("listeners", "PLAINTEXT://[::1]:9092"));

    assertThat(config.listeners().listeners().get(0).bind()).hasToString("[::1]:9092");
  }

  @ParameterizedTest
  @ValueSource(strings = {"kafka-4-server.properties", "kafka-3-zookeeper-server.properties"})
  void takesTheFilesThatKafkaComesWith(String name) {
    Path file = Path.of("src/test/resources/io/spillway/config", name);

    BrokerConfig config = BrokerConfig.of(SettingSources.load(Optional.of(file), List.of()));

    assertThat(config.listeners().listeners()).hasSize(1);
    assertThat(config.network().networkThreads()).isEqualTo(3);
    assertThat(config.kafkaProperties()).containsEntry("offsets.topic.replication.factor", "1");
    assertThat(config.notes())
        .anyMatch(note -> note.contains("num.recovery.threads.per.data.dir"))
        .anyMatch(note -> note.startsWith("log.dirs is not used: data is under data.dir="));
  }

  @Test
  void saysThatItDoesNotJoinAQuorum() {
    BrokerConfig config =
        BrokerConfig.of(Map.of("controller.quorum.voters", "1@a:9093,2@b:9093,3@c:9093"));

    assertThat(config.notes()).anyMatch(note -> note.contains("does not join them"));
  }

  @Test
  void acceptsSettingsOfListenersAndPlugIns() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put("listener.name.plaintext.ssl.keystore.location", "/k");
    settings.put("ssl.keystore.password", "secret");

    BrokerConfig config = BrokerConfig.of(settings);

    assertThat(config.notes()).hasSize(1).allMatch(note -> !note.contains("secret"));
    assertThat(config.kafkaProperties()).doesNotContainKey("ssl.keystore.password");
  }

  @Test
  void laterSourcesWin() throws IOException {
    Path file =
        Files.writeString(dir.resolve("a file.properties"), "num.partitions = 3\nnode.id=4");

    Map<String, String> settings =
        SettingSources.load(
            Optional.of(file),
            List.of("num.partitions=5", "num.partitions = 6", "broker.rack=a=b"));

    assertThat(settings)
        .containsEntry("num.partitions", "6")
        .containsEntry("node.id", "4")
        .containsEntry("broker.rack", "a=b");
  }

  @Test
  void namesTheFileThatCannotBeRead() throws IOException {
    assertThatThrownBy(() -> SettingSources.load(Optional.of(dir.resolve("none")), List.of()))
        .hasMessage("no such configuration file: " + dir.resolve("none"));
    Path binary = Files.write(dir.resolve("binary"), new byte[] {(byte) 0xff, 0, 1});
    assertThatThrownBy(() -> SettingSources.load(Optional.of(binary), List.of()))
        .hasMessageContaining("not a properties file in UTF-8: " + binary);
    assertThatThrownBy(() -> SettingSources.load(Optional.empty(), List.of("a")))
        .hasMessage("invalid --set a: valid is --set NAME=VALUE");
  }
}
