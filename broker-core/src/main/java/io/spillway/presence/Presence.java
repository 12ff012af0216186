package io.spillway.presence;

import io.spillway.config.BrokerConfig;
import io.spillway.config.HostPort;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Who writes a WAL now, for people and for a broker that wonders whether it still does. One object
 * per WAL, replaced at every beat and deleted at a clean stop. A hint, never a fence: what a broker
 * may write is decided by the catalog alone.
 *
 * <p>Layout of the object {@code presence/<walId>}, UTF-8 text, a {@code name=value} a line;
 * unknown names are passed over:
 *
 * <table>
 *   <caption>Fields</caption>
 *   <tr><td>format</td><td>1</td></tr>
 *   <tr><td>node</td><td>{@code node.id}</td></tr>
 *   <tr><td>wal</td><td>UUID of the WAL</td></tr>
 *   <tr><td>process</td><td>process id and host</td></tr>
 *   <tr><td>data.dir</td><td>its absolute path there</td></tr>
 *   <tr><td>addresses</td><td>advertised HOST:PORT, comma-separated</td></tr>
 *   <tr><td>interval.ms</td><td>between two beats</td></tr>
 *   <tr><td>beat</td><td>differs from one beat to the next, and from one process to another</td></tr>
 * </table>
 */
public record Presence(
    int nodeId,
    UUID walId,
    String process,
    String dataDir,
    List<HostPort> addresses,
    long intervalMs,
    long beat) {

  /** For a process that has no WAL yet. */
  public static final UUID NO_WAL = new UUID(0, 0);

  private static final String FOLDER = "presence/";
  private static final String FORMAT = "1";

  public Presence {
    addresses = List.copyOf(addresses);
  }

  /** What this process says of itself. */
  public static Presence ofThisProcess(BrokerConfig config, UUID walId, List<HostPort> addresses) {
    return new Presence(
        config.node().nodeId(),
        walId,
        ProcessHandle.current().pid() + " on " + hostName(),
        config.node().dataDir().toString(),
        addresses,
        config.node().presenceIntervalMs(),
        0);
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "a machine without a name";
    }
  }

  /** Key of the object. */
  public static String key(UUID walId) {
    return FOLDER + walId;
  }

  Presence withBeat(long nextBeat) {
    return new Presence(nodeId, walId, process, dataDir, addresses, intervalMs, nextBeat);
  }

  ByteBuffer encode() {
    List<String> lines = new ArrayList<>();
    lines.add("format=" + FORMAT);
    lines.add("node=" + nodeId);
    lines.add("wal=" + walId);
    lines.add("process=" + oneLine(process));
    lines.add("data.dir=" + oneLine(dataDir));
    lines.add("addresses=" + String.join(",", addresses.stream().map(HostPort::toString).toList()));
    lines.add("interval.ms=" + intervalMs);
    lines.add("beat=" + beat);
    return StandardCharsets.UTF_8.encode(String.join("\n", lines) + "\n");
  }

  private static String oneLine(String value) {
    return value.replaceAll("\\R", " ");
  }

  /**
   * Reads what {@link #encode} wrote.
   *
   * @throws IllegalArgumentException when it is something else: says what
   */
  static Presence decode(ByteBuffer body) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String line : StandardCharsets.UTF_8.decode(body.duplicate()).toString().split("\n", -1)) {
      int equals = line.indexOf('=');
      if (equals > 0) {
        fields.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    if (!FORMAT.equals(fields.get("format"))) {
      throw new IllegalArgumentException("presence format " + fields.get("format"));
    }
    List<HostPort> addresses = new ArrayList<>();
    for (String address : field(fields, "addresses").split(",", -1)) {
      HostPort.parse(address).ifPresent(addresses::add);
    }
    return new Presence(
        Integer.parseInt(field(fields, "node")),
        UUID.fromString(field(fields, "wal")),
        field(fields, "process"),
        field(fields, "data.dir"),
        addresses,
        Long.parseLong(field(fields, "interval.ms")),
        Long.parseLong(field(fields, "beat")));
  }

  private static String field(Map<String, String> fields, String name) {
    return Optional.ofNullable(fields.get(name))
        .orElseThrow(() -> new IllegalArgumentException("a presence without " + name));
  }

  /** For a refusal: everything that helps to find that broker. */
  @Override
  public String toString() {
    return "the broker of process "
        + process
        + " [node.id="
        + nodeId
        + " data.dir="
        + dataDir
        + (walId.equals(NO_WAL) ? "" : " WAL=" + walId)
        + " at "
        + String.join(", ", addresses.stream().map(HostPort::toString).toList())
        + "]";
  }
}
