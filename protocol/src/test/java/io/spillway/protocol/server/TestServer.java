package io.spillway.protocol.server;

import io.spillway.protocol.codec.ServedApis;
import io.spillway.runtime.Clock;
import io.spillway.runtime.SystemClock;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.protocol.ApiKeys;
import org.jspecify.annotations.Nullable;

/** A server whose requests the test answers itself. */
final class TestServer implements AutoCloseable {

  static final String LISTENER = "PLAINTEXT";
  private static final long WAIT_SECONDS = 20;
  private static final long POLL_NANOS = 200_000;

  final KafkaServer server;
  final BlockingQueue<KafkaRequest> requests = new LinkedBlockingQueue<>();
  final BlockingQueue<ConnectionInfo> disconnected = new LinkedBlockingQueue<>();

  TestServer(ServerLimits limits) {
    this(limits, new SystemClock(), Transport.AUTO);
  }

  TestServer(ServerLimits limits, Clock clock, Transport transport) {
    this(limits, clock, transport, null);
  }

  TestServer(
      ServerLimits limits, Clock clock, Transport transport, @Nullable RequestHandler handler) {
    KafkaServerConfig config =
        new KafkaServerConfig(
            List.of(new ListenerConfig(LISTENER, "127.0.0.1", 0)),
            2,
            "test-network",
            transport,
            -1,
            -1,
            4096,
            limits);
    try {
      server = KafkaServer.bind(config, clock);
    } catch (BindFailedException e) {
      throw new IllegalStateException(e);
    }
    RequestHandler queueing =
        new RequestHandler() {
          @Override
          public void handle(KafkaRequest request) {
            requests.add(request);
          }

          @Override
          public void onDisconnect(ConnectionInfo connection) {
            disconnected.add(connection);
          }
        };
    server.start(
        ServedApis.allVersionsOf(
            List.of(ApiKeys.API_VERSIONS, ApiKeys.METADATA, ApiKeys.PRODUCE, ApiKeys.FETCH)),
        handler == null ? queueing : handler);
  }

  int port() {
    return server.boundPort(LISTENER);
  }

  RawClient connect() {
    return new RawClient(port());
  }

  KafkaRequest nextRequest() {
    return next(requests);
  }

  static <T> T next(BlockingQueue<T> queue) {
    try {
      T taken = queue.poll(WAIT_SECONDS, TimeUnit.SECONDS);
      if (taken == null) {
        throw new AssertionError("nothing came in " + WAIT_SECONDS + " s");
      }
      return taken;
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  /** Polls what cannot be waited for otherwise. */
  static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAIT_SECONDS);
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError("not so after " + WAIT_SECONDS + " s: " + what);
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
  }

  /** Closes, and claims that nothing of the memory for frames and responses is left. */
  @Override
  public void close() {
    server.close();
    ServerStats stats = server.stats();
    if (stats.pooledBytes() != 0 || stats.budget().usedBytes() != 0) {
      throw new AssertionError("memory left after close: " + stats);
    }
    if (stats.connectionsByListener().values().stream().anyMatch(open -> open != 0)) {
      throw new AssertionError("connections left after close: " + stats);
    }
  }
}
