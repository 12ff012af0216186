package io.spillway.kafka.group;

import io.spillway.request.RequestContext;
import java.net.InetAddress;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.apache.kafka.common.security.auth.SecurityProtocol;
import org.apache.kafka.server.authorizer.AuthorizableRequestContext;

/** Kafka's view of who asks. */
record CallerContext(RequestContext context) implements AuthorizableRequestContext {

  @Override
  public String listenerName() {
    return context.listener();
  }

  /** Asked by authorizer plug-ins only, and there is none. */
  @Override
  public SecurityProtocol securityProtocol() {
    return SecurityProtocol.PLAINTEXT;
  }

  @Override
  public KafkaPrincipal principal() {
    return context.principal();
  }

  @Override
  public InetAddress clientAddress() {
    return context.address();
  }

  @Override
  public int requestType() {
    return context.apiKey().id;
  }

  @Override
  public int requestVersion() {
    return context.apiVersion();
  }

  @Override
  public String clientId() {
    return context.clientId();
  }

  @Override
  public int correlationId() {
    return context.correlationId();
  }
}
