package io.spillway.embed;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.config.BrokerConfig;
import io.spillway.peers.Peers;
import io.spillway.protocol.codec.ServedApis;
import io.spillway.protocol.server.CloseReason;
import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.protocol.server.KafkaRequest;
import io.spillway.protocol.server.KafkaServer;
import io.spillway.protocol.server.RequestHandler;
import io.spillway.runtime.Clock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.protocol.ApiKeys;
import org.junit.jupiter.api.Test;

/** Requests that arrive slowly, at the limits that a broker's settings make. */
class SlowSendersTest {

  private static final int REQUEST_BYTES = 10_000_000;
  private static final long STEP_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  private final AtomicLong nowNanos = new AtomicLong(1);
  private long sentBytes;

  @Test
  void aSenderBelowTheRateIsEndedAndOneAboveItIsNot() throws Exception {
    try (KafkaServer server =
            bind(
                "request.receive.timeout.ms", "100",
                "request.receive.min.bytes.per.second", "16384");
        Socket slow = begin(server);
        Socket steady = begin(server)) {
      // In each step of 10 ms about 164 bytes are due.
      stepUntilClosed(
          server,
          1,
          () -> {
            send(slow, 80);
            send(steady, 200);
          });
      assertThat(server.stats().closed(CloseReason.SLOW_FRAME)).isEqualTo(1);
      assertThat(slow.getInputStream().read()).isEqualTo(-1);
      stepUntilClosed(server, 2, () -> {}); // when it stops, the steady one, too
      assertThat(server.stats().budget().usedBytes()).isZero();
    }
  }

  @Test
  void whereNoRateIsAskedAHalfSentRequestIsEndedAsAnIdleConnectionIs() throws Exception {
    try (KafkaServer server =
            bind(
                "connections.max.idle.ms", "100",
                "request.receive.timeout.ms", "1000",
                "request.receive.min.bytes.per.second", "0");
        Socket silent = begin(server);
        Socket dripping = begin(server)) {
      stepUntilClosed(server, 1, () -> send(dripping, 1));
      assertThat(server.stats().closed(CloseReason.STALLED_FRAME)).isEqualTo(1);
      assertThat(silent.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void aHalfSentRequestIsEndedEvenWhereIdleConnectionsAreKept() throws Exception {
    try (KafkaServer server =
            bind(
                "connections.max.idle.ms", "-1",
                "request.receive.min.bytes.per.second", "0");
        Socket silent = begin(server)) {
      stepUntilClosed(server, 1, () -> nowNanos.addAndGet(TimeUnit.SECONDS.toNanos(10)));
      assertThat(server.stats().closed(CloseReason.STALLED_FRAME)).isEqualTo(1);
      assertThat(silent.getInputStream().read()).isEqualTo(-1);
    }
  }

  @Test
  void aRequestThatDripsIsEndedAfterADay() throws Exception {
    try (KafkaServer server = bind("request.receive.min.bytes.per.second", "0");
        Socket dripping = begin(server)) {
      stepUntilClosed(
          server,
          1,
          () -> {
            send(dripping, 1);
            nowNanos.addAndGet(TimeUnit.MINUTES.toNanos(30));
          });
      assertThat(server.stats().closed(CloseReason.SLOW_FRAME)).isEqualTo(1);
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  /**
   * Goes on until so many connections were closed. What was sent has arrived before the time of the
   * next step begins. The server looks at its own pace, so that time here goes no faster than
   * there.
   */
  private void stepUntilClosed(KafkaServer server, int connections, Step step) {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    sentBytes = server.stats().bytesIn(); // what was sent to a connection that was closed is lost
    while (closed(server) < connections) {
      assertThat(System.nanoTime()).as("%s", server.stats()).isLessThan(deadline);
      try {
        step.run();
      } catch (IOException e) {
        continue; // the server closes while this sends
      }
      while (server.stats().bytesIn() < sentBytes && closed(server) < connections) {
        LockSupport.parkNanos(STEP_NANOS / 100);
      }
      LockSupport.parkNanos(STEP_NANOS);
      nowNanos.addAndGet(STEP_NANOS);
    }
  }

  private static long closed(KafkaServer server) {
    return server.stats().closed().values().stream().mapToLong(count -> count).sum();
  }

  private KafkaServer bind(String... settings) {
    Map<String, String> all = new HashMap<>();
    all.put("listeners", "PLAINTEXT://127.0.0.1:0");
    for (int i = 0; i < settings.length; i += 2) {
      all.put(settings[i], settings[i + 1]);
    }
    KafkaServer server = Listening.bind(BrokerConfig.of(all), "slow-senders", clock());
    server.start(
        ServedApis.allVersionsOf(List.of(ApiKeys.METADATA)),
        new RequestHandler() {
          @Override
          public void handle(KafkaRequest request) {
            throw new AssertionError("no request was whole");
          }

          @Override
          public void onDisconnect(ConnectionInfo connection) {}
        });
    return server;
  }

  /** A connection with a request of which the length alone was sent. */
  private Socket begin(KafkaServer server) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.boundPort("PLAINTEXT"));
    socket.setTcpNoDelay(true);
    socket.getOutputStream().write(ByteBuffer.allocate(4).putInt(REQUEST_BYTES).array());
    sentBytes += Integer.BYTES;
    return socket;
  }

  private void send(Socket socket, int bytes) throws IOException {
    socket.getOutputStream().write(new byte[bytes]);
    sentBytes += bytes;
  }

  private Clock clock() {
    return new Clock() {
      @Override
      public long nanoTime() {
        return nowNanos.get();
      }

      @Override
      public long currentTimeMillis() {
        return TimeUnit.NANOSECONDS.toMillis(nowNanos.get());
      }
    };
  }
}
