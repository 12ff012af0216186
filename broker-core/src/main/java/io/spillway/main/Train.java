package io.spillway.main;

import io.spillway.config.BrokerConfig;
import io.spillway.main.BrokerStarter.Running;
import io.spillway.runtime.AmbientRuntime;
import java.util.Map;

/**
 * Starts and stops a broker in a directory that is thrown away, so that the JVM records the classes
 * that a start loads. The launcher runs it; see {@code bin/spillway}.
 */
@AmbientRuntime
final class Train {

  private Train() {}

  public static void main(String[] args) {
    Map<String, String> settings =
        Map.of(
            "data.dir",
            args[0],
            "listeners",
            "PLAINTEXT://127.0.0.1:0",
            "metrics.listener",
            "127.0.0.1:0");
    NativeLibraries.unpackUnder(BrokerConfig.of(settings).node().dataDir());
    Logging.configure();
    Running broker =
        EmbeddedBroker.start(
            settings,
            (part, cause) -> {
              // Whoever waits for this archive does without it.
              cause.printStackTrace(System.err);
              Runtime.getRuntime().halt(ExitCode.FAULT);
            });
    System.out.println(broker.bootstrapServers() + " " + StartTime.millisSinceJvmStart());
    broker.close();
    System.exit(ExitCode.OK);
  }
}
