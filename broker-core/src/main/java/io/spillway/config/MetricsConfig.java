package io.spillway.config;

import java.util.Optional;

/**
 * The HTTP port and what is counted.
 *
 * @param listener where; empty when it is off
 * @param mustBind whether the address was asked for, so that the broker does not start without it
 * @param maxClients client ids counted apart
 * @param maxTopics topics counted apart
 */
public record MetricsConfig(
    Optional<HostPort> listener, boolean mustBind, int maxClients, int maxTopics) {

  private static final String LISTENER = "metrics.listener";

  static MetricsConfig of(SettingValues values) {
    String text = values.requiredText(LISTENER);
    Optional<HostPort> listener = Optional.empty();
    if (!text.equalsIgnoreCase("off")) {
      listener = HostPort.parse(text);
      if (listener.isEmpty()) {
        throw SettingValues.invalid(LISTENER, text, "HOST:PORT, as in 127.0.0.1:9404, or off");
      }
    }
    return new MetricsConfig(
        listener,
        values.isGiven(LISTENER),
        values.intValue("metrics.max.clients"),
        values.intValue("metrics.max.topics"));
  }
}
