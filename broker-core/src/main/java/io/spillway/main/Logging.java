package io.spillway.main;

import io.spillway.runtime.AmbientRuntime;

/**
 * Log lines on stderr, one per event. Properties of the logger that were given to the JVM count
 * more than what is set here.
 */
@AmbientRuntime
final class Logging {

  private static final String PREFIX = "org.slf4j.simpleLogger.";

  private Logging() {}

  /** To be called before the first logger is made. */
  static void configure() {
    set("logFile", "System.err");
    set("defaultLogLevel", "info");
    set("showDateTime", "true");
    set("dateTimeFormat", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX");
    set("showShortLogName", "true");
    set("levelInBrackets", "false");
    // Kafka's classes tell at INFO what nobody operating this broker acts on.
    set("log.org.apache.kafka", "warn");
    // Its only warning is that a new cluster has no metadata yet; faults come by way of our own
    // log.
    set("log.org.apache.kafka.controller.QuorumController", "error");
    // An error and a stack trace per commit that is refused, which is how a full log looks: the
    // client is answered, metrics count it, and what cannot be loaded or written is in our own log.
    set("log.org.apache.kafka.coordinator.common.runtime.CoordinatorRuntime", "off");
    set("log.kafka", "warn");
    set("log.state", "warn");
    set("log.io.netty", "warn");
  }

  private static void set(String name, String value) {
    if (System.getProperty(PREFIX + name) == null) {
      System.setProperty(PREFIX + name, value);
    }
  }
}
