package io.spillway.config;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Who this broker is.
 *
 * @param dataDir what it keeps on local disk; absolute
 * @param presenceIntervalMs between two signs of life in the object store
 */
public record NodeConfig(int nodeId, Optional<String> rack, Path dataDir, long presenceIntervalMs) {

  static NodeConfig of(SettingValues values) {
    int brokerId = values.intValue("broker.id");
    int nodeId = values.isGiven("node.id") || brokerId < 0 ? values.intValue("node.id") : brokerId;
    if (brokerId >= 0 && brokerId != nodeId) {
      throw SettingValues.invalid(
          "broker.id", Integer.toString(brokerId), "node.id, which is " + nodeId);
    }
    if (values.list("process.roles").stream().noneMatch("broker"::equalsIgnoreCase)) {
      throw SettingValues.invalid(
          "process.roles",
          values.requiredText("process.roles"),
          "a list with broker in it: this process is broker and controller at once");
    }
    Path dataDir = Path.of(values.requiredText("data.dir")).toAbsolutePath().normalize();
    return new NodeConfig(
        nodeId, values.text("broker.rack"), dataDir, values.longValue("presence.interval.ms"));
  }
}
