package io.spillway.config;

import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Where clients and brokers connect.
 *
 * @param listeners at least one; names and ports differ
 * @param interBrokerListener name of one of them
 */
public record ListenersConfig(List<ListenerConfig> listeners, String interBrokerListener) {

  private static final String LISTENERS = "listeners";
  private static final String ADVERTISED = "advertised.listeners";
  private static final String PROTOCOLS = "listener.security.protocol.map";

  /**
   * @param localHostName asked only when a listener with an empty host advertises nothing else
   */
  static ListenersConfig of(SettingValues values, Supplier<String> localHostName) {
    Set<String> controllers = new HashSet<>();
    for (String name : values.list("controller.listener.names")) {
      controllers.add(name.toUpperCase(Locale.ROOT));
    }
    Map<String, HostPort> bound = parse(values, LISTENERS, controllers);
    Map<String, HostPort> advertised = parse(values, ADVERTISED, controllers);
    requirePlaintext(values, bound.keySet());
    requireDistinctPorts(values, bound);
    for (Map.Entry<String, HostPort> entry : advertised.entrySet()) {
      if (!bound.containsKey(entry.getKey())) {
        throw SettingValues.invalid(
            ADVERTISED,
            values.requiredText(ADVERTISED),
            "addresses of names in listeners, and " + entry.getKey() + " is not one");
      }
    }

    var listeners =
        bound.entrySet().stream()
            .map(entry -> listener(entry.getKey(), entry.getValue(), advertised, localHostName))
            .toList();
    String first = listeners.get(0).name();
    String interBroker =
        values.text("inter.broker.listener.name").orElse(first).toUpperCase(Locale.ROOT);
    if (!bound.containsKey(interBroker)) {
      throw SettingValues.invalid(
          "inter.broker.listener.name", interBroker, "one of " + String.join(", ", bound.keySet()));
    }
    return new ListenersConfig(listeners, interBroker);
  }

  private static Map<String, HostPort> parse(
      SettingValues values, String setting, Set<String> controllers) {
    Map<String, HostPort> parsed = new LinkedHashMap<>();
    for (String item : values.list(setting)) {
      int colons = item.indexOf("://");
      Optional<HostPort> address =
          colons <= 0 ? Optional.empty() : HostPort.parse(item.substring(colons + 3));
      if (address.isEmpty()) {
        throw SettingValues.invalid(
            setting, item, "NAME://HOST:PORT, as in PLAINTEXT://127.0.0.1:9092");
      }
      String name = item.substring(0, colons).toUpperCase(Locale.ROOT);
      if (!controllers.contains(name) && parsed.put(name, address.get()) != null) {
        throw SettingValues.invalid(setting, item, "one address per listener name");
      }
    }
    if (parsed.isEmpty() && (setting.equals(LISTENERS) || values.isGiven(setting))) {
      throw SettingValues.invalid(
          setting,
          values.text(setting).orElse(""),
          "at least one listener that controller.listener.names does not name");
    }
    return parsed;
  }

  private static void requirePlaintext(SettingValues values, Set<String> names) {
    Map<String, String> protocols = new HashMap<>();
    for (String item : values.list(PROTOCOLS)) {
      int colon = item.indexOf(':');
      if (colon <= 0 || colon == item.length() - 1) {
        throw SettingValues.invalid(PROTOCOLS, item, "NAME:PROTOCOL");
      }
      protocols.put(
          item.substring(0, colon).strip().toUpperCase(Locale.ROOT),
          item.substring(colon + 1).strip().toUpperCase(Locale.ROOT));
    }
    for (String name : names) {
      String protocol = protocols.get(name);
      if (protocol == null) {
        throw SettingValues.invalid(
            PROTOCOLS,
            values.requiredText(PROTOCOLS),
            "a map with every name in listeners: add " + name + ":PLAINTEXT");
      }
      if (!protocol.equals("PLAINTEXT")) {
        throw SettingValues.invalid(
            PROTOCOLS,
            name + ":" + protocol,
            "PLAINTEXT for every name in listeners: this release has no " + protocol);
      }
    }
  }

  private static void requireDistinctPorts(SettingValues values, Map<String, HostPort> bound) {
    Set<HostPort> seen = new LinkedHashSet<>();
    for (HostPort address : bound.values()) {
      if (address.port() != 0 && !seen.add(address)) {
        throw SettingValues.invalid(
            LISTENERS, values.requiredText(LISTENERS), "a different address for each name");
      }
    }
  }

  private static ListenerConfig listener(
      String name,
      HostPort bind,
      Map<String, HostPort> advertisedByName,
      Supplier<String> localHostName) {
    HostPort advertised = advertisedByName.get(name);
    if (advertised == null) {
      // Kafka's rule: no host at all means this machine's name, 0.0.0.0 means that nobody said.
      String host = bind.host().isEmpty() ? localHostName.get() : bind.host();
      advertised = new HostPort(host, bind.port());
    }
    if (advertised.isWildcard()) {
      throw new InvalidSettingException(
          ADVERTISED,
          "listener "
              + name
              + " would advertise "
              + advertised
              + ", which clients cannot connect to: set advertised.listeners, as in --set"
              + " advertised.listeners="
              + name
              + "://HOST:"
              + advertised.port()
              + " with a HOST that clients can reach");
    }
    Optional<Integer> port =
        advertised.port() == 0 ? Optional.empty() : Optional.of(advertised.port());
    return new ListenerConfig(name, bind, advertised.host(), port);
  }
}
