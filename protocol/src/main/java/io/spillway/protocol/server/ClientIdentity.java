package io.spillway.protocol.server;

import java.net.InetSocketAddress;
import java.util.regex.Pattern;
import org.apache.kafka.common.message.ApiVersionsRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.jspecify.annotations.Nullable;

/**
 * What a client calls itself, and under which name it gets its share of the budget. Written by the
 * connection's event loop; the software's name may be read by any thread.
 */
final class ClientIdentity {

  /** KIP-511. */
  private static final Pattern SOFTWARE =
      Pattern.compile("[a-zA-Z0-9](?:[a-zA-Z0-9\\-.]*[a-zA-Z0-9])?");

  private static final int MAX_SOFTWARE_CHARS = 256;
  private static final int MAX_PRINTED_CHARS = 100;

  private final InetSocketAddress remoteAddress;
  private volatile String softwareName = "";
  private volatile String softwareVersion = "";

  ClientIdentity(InetSocketAddress remoteAddress) {
    this.remoteAddress = remoteAddress;
  }

  String softwareName() {
    return softwareName;
  }

  String softwareVersion() {
    return softwareVersion;
  }

  /** Takes the software's name if it is one. */
  void learnFrom(ApiVersionsRequestData versions) {
    if (isSoftware(versions.clientSoftwareName()) && isSoftware(versions.clientSoftwareVersion())) {
      softwareName = versions.clientSoftwareName();
      softwareVersion = versions.clientSoftwareVersion();
    }
  }

  private static boolean isSoftware(String text) {
    return text.length() <= MAX_SOFTWARE_CHARS && SOFTWARE.matcher(text).matches();
  }

  /** Whose share of the budget it uses; clients that gave no name yet share their address's. */
  String accountOf(@Nullable String clientId) {
    return clientId == null || clientId.isEmpty()
        ? "@" + remoteAddress.getAddress().getHostAddress()
        : clientId;
  }

  /** A request of this client, for a log line. */
  String describe(short apiKey, short version, @Nullable String clientId) {
    String name = ApiKeys.hasId(apiKey) ? " (" + ApiKeys.forId(apiKey).name + ")" : "";
    return "api key "
        + apiKey
        + name
        + " version "
        + version
        + " client id "
        + printable(clientId)
        + (softwareName.isEmpty() ? "" : " software " + softwareName + "/" + softwareVersion);
  }

  /** What a client calls itself may be anything; a log line stays a line. */
  private static String printable(@Nullable String text) {
    if (text == null) {
      return "(none)";
    }
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .limit(MAX_PRINTED_CHARS)
        .forEach(c -> out.appendCodePoint(Character.isISOControl(c) ? '?' : c));
    return out.toString();
  }
}
