package io.spillway.embed;

import io.spillway.object.ObjectStore;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running broker.
 *
 * <pre>{@code
 * try (Broker broker = Broker.builder().temporaryDirectory().start()) {
 *   settings.put("bootstrap.servers", broker.bootstrapServers());
 *   ...
 * }
 * }</pre>
 *
 * <p>Several may run in one JVM. Nothing is static, and {@link #close} leaves no thread, file
 * handle or direct memory behind. Safe for any thread.
 */
public final class Broker implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Broker.class);

  private final BrokerNode node;

  private Broker(BrokerNode node) {
    this.node = node;
  }

  /** A broker on 127.0.0.1:9092 with data under {@code ./spillway-data}, unless told otherwise. */
  public static Builder builder() {
    return new Builder();
  }

  /** What clients put into {@code bootstrap.servers}: the first listener's advertised address. */
  public String bootstrapServers() {
    return node.bootstrapServers();
  }

  /** The cluster's id, as Kafka shows it. */
  public String clusterId() {
    return node.clusterId();
  }

  public int nodeId() {
    return node.nodeId();
  }

  /** Where this broker keeps what is on local disk. */
  public Path dataDirectory() {
    return node.dataDirectory();
  }

  /** Port of {@code /metrics}, {@code /livez} and {@code /readyz}; empty when it is off. */
  public OptionalInt metricsPort() {
    return node.metricsPort();
  }

  /**
   * Stops cleanly: answers what is in flight, uploads what is in the write-ahead log for at most
   * {@code shutdown.timeout.ms}. Idempotent; blocks.
   *
   * @return bytes that could not be uploaded and are in the write-ahead log alone: keep its volume
   */
  public long shutdown() {
    return node.shutdown();
  }

  /** {@link #shutdown}; deletes a temporary directory. */
  @Override
  public void close() {
    node.shutdown();
  }

  /** Collects settings; not safe for several threads. */
  public static final class Builder {

    private final Map<String, String> settings = new LinkedHashMap<>();
    private boolean temporary;
    private UnaryOperator<ObjectStore> storeWrapper = UnaryOperator.identity();
    private BiConsumer<String, Throwable> onFault =
        (component, cause) -> LOG.error("{} stopped serving", component, cause);

    private Builder() {}

    /** Any setting of {@code docs/configuration.md}. */
    public Builder set(String name, String value) {
      settings.put(name, value);
      return this;
    }

    /** Where the write-ahead log and, unless {@code object.store.url} is set, the objects are. */
    public Builder dataDirectory(Path directory) {
      return set("data.dir", directory.toString());
    }

    /** The port on the loopback address; 0 for any free one. */
    public Builder port(int port) {
      return set("listeners", "PLAINTEXT://127.0.0.1:" + port).set("metrics.listener", "off");
    }

    /** For tests: a new directory that {@link Broker#close} deletes, and a free port. */
    public Builder temporaryDirectory() {
      temporary = true;
      return port(0);
    }

    /** For tests of this package: what stands between the broker and its object store. */
    Builder objectStore(UnaryOperator<ObjectStore> wrapper) {
      storeWrapper = wrapper;
      return this;
    }

    /**
     * Told when a part of the broker has stopped for good, and why: {@code wal …} means that
     * nothing more can be written until a restart. Called on a thread of the broker; must not
     * block. By default it is logged.
     */
    public Builder onFault(BiConsumer<String, Throwable> handler) {
      onFault = handler;
      return this;
    }

    /**
     * Starts the broker; returns when it serves. Waits for an object store that does not answer.
     *
     * @throws BrokerStartException naming what is wrong and what to do
     */
    public Broker start() {
      try {
        return new Broker(BrokerNode.start(settings, temporary, storeWrapper, onFault::accept));
      } catch (RuntimeException | LinkageError e) {
        throw new BrokerStartException(e);
      }
    }
  }
}
