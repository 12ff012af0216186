package io.spillway.kafka.controller;

import org.apache.kafka.server.fault.FaultHandler;
import org.apache.kafka.server.fault.FaultHandlerException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Faults that Kafka's classes report, handed to ours. */
public final class KafkaFaults {

  private static final Logger LOG = LoggerFactory.getLogger(KafkaFaults.class);

  private KafkaFaults() {}

  /** For faults after which the component must not go on. */
  public static FaultHandler fatal(io.spillway.runtime.FaultHandler faults, String component) {
    return (message, cause) -> {
      RuntimeException fault = exception(message, cause);
      faults.onFault(component, fault);
      return fault;
    };
  }

  /** For faults the component survives. */
  public static FaultHandler nonFatal(String component) {
    return (message, cause) -> {
      LOG.error("{}: {}", component, message, cause);
      return exception(message, cause);
    };
  }

  private static RuntimeException exception(String message, @Nullable Throwable cause) {
    return new FaultHandlerException(message, cause);
  }
}
