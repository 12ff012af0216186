package io.spillway.protocol.server;

import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.util.concurrent.EventExecutor;
import io.spillway.protocol.codec.RequestDecoder;
import io.spillway.protocol.codec.ResponseEncoder;
import io.spillway.protocol.codec.ServedApis;
import io.spillway.protocol.frame.InflightBudget;
import io.spillway.runtime.Clock;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The server: listeners, event loops, connections, and the memory they share.
 *
 * <p>It comes to life in two steps: {@link #bind} takes the ports, so that they are known (and
 * known to be free) before anything else is built, and {@link #start} begins to accept; clients
 * that come in between wait in the kernel's queue.
 *
 * <p>Netty's native library is unpacked to the directory named by the system property {@code
 * io.netty.native.workdir}, which whoever starts the process points at a directory that allows
 * execution; where it does not load, NIO serves as well. Buffers come from an allocator of this
 * server alone. {@link #close} leaves no thread behind but Netty's process-wide {@code
 * globalEventExecutor}, which ends by itself after a second without work.
 */
public final class KafkaServer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(KafkaServer.class);

  private static final int PAGE_BYTES = 8192;

  /** Chunks of 4 MiB: 8 KiB pages, 2^9 of them. */
  private static final int CHUNK_ORDER = 9;

  private static final long LOG_INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(10);
  private static final long MAX_SWEEP_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long MIN_SWEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

  /** A timeout is noticed at most this part of itself too late. */
  private static final int SWEEPS_PER_TIMEOUT = 4;

  private static final long STOP_TIMEOUT_SECONDS = 10;

  private final KafkaServerConfig config;
  private final Clock clock;
  private final PooledByteBufAllocator allocator;
  private final InflightBudget budget;
  private final ServerCounters counters = new ServerCounters();
  private final LogLimiter logs;
  private final Sockets sockets;
  private final Map<String, Channel> listeners = new LinkedHashMap<>();
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private final ConnectionCounts counts;
  private final AtomicLong nextConnection = new AtomicLong();
  private final Object lifecycle = new Object();
  private volatile @Nullable Serving serving;
  private volatile boolean closing;
  private final CountDownLatch drained = new CountDownLatch(1);
  private boolean closed;

  private KafkaServer(KafkaServerConfig config, Clock clock) {
    this.config = config;
    this.clock = clock;
    this.budget =
        new InflightBudget(config.limits().inflightBytes(), config.limits().maxRequestBytes());
    this.logs = new LogLimiter(clock, LOG_INTERVAL_NANOS);
    this.allocator =
        new PooledByteBufAllocator(
            true,
            0,
            config.networkThreads(),
            PAGE_BYTES,
            CHUNK_ORDER,
            PooledByteBufAllocator.defaultSmallCacheSize(),
            PooledByteBufAllocator.defaultNormalCacheSize(),
            false);
    this.counts = new ConnectionCounts(config.limits());
    this.sockets = new Sockets(config);
  }

  /**
   * Takes every listener's port.
   *
   * @throws BindFailedException naming the listener that could not be bound; nothing stays open
   */
  public static KafkaServer bind(KafkaServerConfig config, Clock clock) throws BindFailedException {
    KafkaServer server = new KafkaServer(config, clock);
    try {
      for (ListenerConfig listener : config.listeners()) {
        server.bind(listener);
      }
    } catch (BindFailedException e) {
      server.close();
      throw e;
    }
    return server;
  }

  private void bind(ListenerConfig listener) throws BindFailedException {
    Channel bound = sockets.bind(listener, allocator, new Initializer(listener.name()));
    listeners.put(listener.name(), bound);
  }

  /** The port a listener is bound to, also when port 0 was asked for. */
  public int boundPort(String listener) {
    Channel channel = listeners.get(listener);
    if (channel == null) {
      throw new IllegalArgumentException("no listener " + listener);
    }
    return ((InetSocketAddress) channel.localAddress()).getPort();
  }

  /** Begins to accept. Once. */
  public void start(ServedApis apis, RequestHandler handler) {
    synchronized (lifecycle) {
      if (closed || serving != null) {
        throw new IllegalStateException(closed ? "the server is closed" : "started twice");
      }
      serving = new Serving(apis, handler);
    }
    long sweepNanos = sweepNanos();
    for (EventExecutor loop : sockets.loops()) {
      loop.scheduleWithFixedDelay(
          () -> sweepLoop(loop), sweepNanos, sweepNanos, TimeUnit.NANOSECONDS);
    }
    for (Channel listener : listeners.values()) {
      listener.config().setAutoRead(true);
    }
  }

  private long sweepNanos() {
    ServerLimits limits = config.limits();
    long shortest =
        List.of(
                limits.idleTimeout(),
                limits.frameTimeout(),
                limits.progressWindow(),
                limits.writeTimeout())
            .stream()
            .mapToLong(Duration::toNanos)
            .min()
            .orElse(MAX_SWEEP_NANOS);
    return Math.max(MIN_SWEEP_NANOS, Math.min(MAX_SWEEP_NANOS, shortest / SWEEPS_PER_TIMEOUT));
  }

  private void sweepLoop(EventExecutor loop) {
    long now = clock.nanoTime();
    for (Connection connection : connections) {
      if (connection.isOn(loop)) {
        connection.sweep(now);
      }
    }
  }

  public ServerStats stats() {
    Map<String, Integer> byListener = new HashMap<>();
    listeners.keySet().forEach(name -> byListener.put(name, 0));
    connections.forEach(connection -> byListener.merge(connection.listener(), 1, Integer::sum));
    long answered = counters.answered.sum();
    long requests = counters.requests.sum();
    return new ServerStats(
        byListener,
        counters.accepted.sum(),
        Math.max(0, requests - answered),
        requests,
        budget.snapshot(),
        counters.pauses(),
        counters.bytesIn.sum(),
        counters.bytesOut.sum(),
        counters.closed(),
        allocator.pinnedDirectMemory());
  }

  /**
   * Stops accepting, lets requests in flight finish for at most {@link ServerLimits#closeTimeout},
   * closes every connection, and ends the event loops. Idempotent. Not on an event loop.
   */
  @Override
  public void close() {
    synchronized (lifecycle) {
      if (closed) {
        return;
      }
      closed = true;
    }
    closing = true;
    listeners.values().forEach(listener -> listener.close().awaitUninterruptibly());
    eachConnection(Connection::finishAndClose);
    if (!awaitNoConnections(config.limits().closeTimeout())) {
      LOG.warn("{} connections closed with requests unanswered", connections.size());
      eachConnection(
          connection -> connection.closeNow(CloseReason.SHUTDOWN, "the server is closing"));
      awaitNoConnections(Duration.ofSeconds(STOP_TIMEOUT_SECONDS));
    }
    sockets.close();
  }

  private void eachConnection(Consumer<Connection> task) {
    for (Connection connection : new ArrayList<>(connections)) {
      connection.execute(() -> task.accept(connection));
    }
  }

  private boolean awaitNoConnections(Duration timeout) {
    countDownIfDrained();
    boolean interrupted = false;
    boolean empty = false;
    try {
      empty = drained.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      interrupted = true;
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    return empty;
  }

  private void countDownIfDrained() {
    if (closing && connections.isEmpty()) {
      drained.countDown();
    }
  }

  /** Sets up one accepted socket, on its event loop. */
  private final class Initializer extends ChannelInitializer<Channel> {
    private final String listener;

    Initializer(String listener) {
      this.listener = listener;
    }

    @Override
    protected void initChannel(Channel channel) {
      Serving current = serving;
      InetSocketAddress remote = (InetSocketAddress) channel.remoteAddress();
      if (closing || current == null || remote == null) {
        channel.close();
        return;
      }
      CloseReason refusal = counts.admit(remote.getAddress());
      if (refusal != null) {
        refuse(channel, refusal);
        return;
      }
      counters.accepted.increment();
      String id =
          listener
              + "-"
              + remote.getAddress().getHostAddress()
              + ":"
              + remote.getPort()
              + "-"
              + nextConnection.getAndIncrement();
      Connection connection = new Connection(current, channel, listener, id);
      connections.add(connection);
      channel.config().setRecvByteBufAllocator(connection.receiver());
      channel.pipeline().addLast(connection.receiver(), connection);
      if (closing) {
        connection.finishAndClose();
      }
    }

    private void refuse(Channel channel, CloseReason reason) {
      counters.onClosed(reason);
      long suppressed = logs.pass(reason);
      if (suppressed != LogLimiter.SUPPRESSED) {
        LOG.warn(
            "refusing connection [listener={} remote={} reason={} open={} alsoHeldBack={}]",
            listener,
            channel.remoteAddress(),
            reason,
            counts.open(),
            suppressed);
      }
      channel.close();
    }
  }

  /** What a connection needs of its server. */
  final class Serving {
    private final ServedApis apis;
    private final RequestHandler handler;
    private final RequestDecoder decoder;
    private final ResponseEncoder encoder;

    private Serving(ServedApis apis, RequestHandler handler) {
      this.apis = apis;
      this.handler = handler;
      this.decoder = new RequestDecoder(apis);
      this.encoder = new ResponseEncoder(allocator);
    }

    ServedApis apis() {
      return apis;
    }

    RequestHandler handler() {
      return handler;
    }

    RequestDecoder decoder() {
      return decoder;
    }

    ResponseEncoder encoder() {
      return encoder;
    }

    ServerLimits limits() {
      return config.limits();
    }

    InflightBudget budget() {
      return budget;
    }

    ByteBufAllocator allocator() {
      return allocator;
    }

    ServerCounters counters() {
      return counters;
    }

    LogLimiter logs() {
      return logs;
    }

    Clock clock() {
      return clock;
    }

    void onClosed(Connection connection) {
      counts.countOut(connection.remoteAddress().getAddress());
      connections.remove(connection);
      countDownIfDrained();
    }
  }
}
