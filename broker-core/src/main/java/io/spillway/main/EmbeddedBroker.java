package io.spillway.main;

import io.spillway.embed.Broker;
import io.spillway.runtime.FaultHandler;
import java.util.Map;

/** The broker of {@code io.spillway.embed}, as the command sees it. */
final class EmbeddedBroker implements BrokerStarter.Running {

  private final Broker broker;

  private EmbeddedBroker(Broker broker) {
    this.broker = broker;
  }

  static BrokerStarter.Running start(Map<String, String> settings, FaultHandler faults) {
    Broker.Builder builder = Broker.builder().onFault(faults::onFault);
    settings.forEach(builder::set);
    return new EmbeddedBroker(builder.start());
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
