package io.spillway.main;

import io.spillway.runtime.FaultHandler;
import java.util.Map;

/** Starts what {@code serve} serves; the broker's own API, cut to what the command needs of it. */
@FunctionalInterface
interface BrokerStarter {

  /**
   * Returns when clients can be served. Throws what {@link io.spillway.failure.Explanation}
   * explains.
   */
  Running start(Map<String, String> settings, FaultHandler faults);

  /** A broker that serves. */
  interface Running {
    /** {@code HOST:PORT} of the first listener, as clients are told. */
    String bootstrapServers();

    String clusterId();

    /** Stops cleanly; returns when everything is closed. */
    void close();
  }
}
