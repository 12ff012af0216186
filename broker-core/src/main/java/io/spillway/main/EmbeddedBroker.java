package io.spillway.main;

import io.spillway.config.BrokerConfig;
import io.spillway.embed.Broker;
import io.spillway.runtime.FaultHandler;

/** The broker of {@code io.spillway.embed}, as the command sees it. */
final class EmbeddedBroker implements BrokerStarter.Running {

  private final Broker broker;

  private EmbeddedBroker(Broker broker) {
    this.broker = broker;
  }

  static BrokerStarter.Running start(BrokerConfig config, FaultHandler faults) {
    return new EmbeddedBroker(Broker.builder().config(config).onFault(faults).start());
  }

  @Override
  public String bootstrapServers() {
    return broker.bootstrapServers();
  }

  @Override
  public String clusterId() {
    return broker.clusterId();
  }

  @Override
  public void close() {
    broker.close();
  }
}
