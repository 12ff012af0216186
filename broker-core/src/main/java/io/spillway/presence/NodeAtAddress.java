package io.spillway.presence;

import io.spillway.config.HostPort;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import org.apache.kafka.common.message.DescribeClusterRequestData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.requests.AbstractResponse;
import org.apache.kafka.common.requests.DescribeClusterRequest;
import org.apache.kafka.common.requests.DescribeClusterResponse;
import org.apache.kafka.common.requests.RequestHeader;

/**
 * Asks at an address whether that node of that cluster serves there: with one DescribeCluster, in
 * which a node is listed under the address that it advertises itself. A listener that wants TLS or
 * SASL does not answer; the beats then decide.
 */
class NodeAtAddress {

  private static final int TIMEOUT_MS = 2_000;
  private static final int MAX_RESPONSE_BYTES = 1 << 20;
  private static final short VERSION = 0;

  /** Whether one of the addresses is answered by that node. Blocks for seconds. */
  boolean anyAnswers(Presence broker, String clusterId) {
    return broker.addresses().stream()
        .anyMatch(address -> answers(address, broker.nodeId(), clusterId));
  }

  private static boolean answers(HostPort address, int nodeId, String clusterId) {
    try {
      DescribeClusterResponse response = ask(address);
      return clusterId.equals(response.data().clusterId())
          && response.data().brokers().stream()
              .anyMatch(
                  broker ->
                      broker.brokerId() == nodeId
                          && broker.host().equals(address.host())
                          && broker.port() == address.port());
    } catch (IOException | RuntimeException e) {
      return false; // nobody, or somebody who does not speak Kafka's protocol
    }
  }

  private static DescribeClusterResponse ask(HostPort address) throws IOException {
    RequestHeader header =
        new RequestHeader(ApiKeys.DESCRIBE_CLUSTER, VERSION, "spillway-presence", 1);
    ByteBuffer request =
        new DescribeClusterRequest.Builder(new DescribeClusterRequestData())
            .build(VERSION)
            .serializeWithHeader(header);
    try (Socket socket = new Socket()) {
      socket.setSoTimeout(TIMEOUT_MS);
      socket.connect(new InetSocketAddress(address.host(), address.port()), TIMEOUT_MS);
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      byte[] frame = new byte[Integer.BYTES + request.remaining()];
      ByteBuffer.wrap(frame).putInt(request.remaining()).put(request.duplicate());
      out.write(frame);
      out.flush();
      DataInputStream in = new DataInputStream(socket.getInputStream());
      int length = in.readInt();
      if (length <= 0 || length > MAX_RESPONSE_BYTES) {
        throw new IOException("a response of " + length + " bytes");
      }
      byte[] body = new byte[length];
      in.readFully(body);
      return (DescribeClusterResponse)
          AbstractResponse.parseResponse(ByteBuffer.wrap(body), header);
    }
  }
}
