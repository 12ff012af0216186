package io.spillway.request.admin;

import io.spillway.kafka.metadata.TestCluster;
import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.request.ApiHandler;
import io.spillway.request.Exchange;
import io.spillway.request.RequestContext;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;

/** A request to one handler, and its answer. */
final class FakeExchange implements Exchange {

  private final RequestContext context;
  private final ApiMessage request;
  private final CompletableFuture<ApiMessage> answer = new CompletableFuture<>();

  private FakeExchange(RequestContext context, ApiMessage request) {
    this.context = context;
    this.request = request;
  }

  /** Hands the request to the handler and waits for the answer; fails as the handler does. */
  static <T extends ApiMessage> T ask(
      ApiHandler handler, ApiKeys api, int version, ApiMessage request, Class<T> type)
      throws Exception {
    RequestContext any = TestCluster.context(api);
    RequestContext context =
        new RequestContext(
            any.principal(),
            any.listener(),
            any.clientId(),
            any.clientSoftware(),
            any.address(),
            any.connectionId(),
            api,
            (short) version,
            any.correlationId());
    FakeExchange exchange = new FakeExchange(context, request);
    handler.handle(exchange);
    return type.cast(exchange.answer.get(8, TimeUnit.SECONDS));
  }

  @Override
  public RequestContext context() {
    return context;
  }

  @Override
  public ConnectionInfo connection() {
    throw new UnsupportedOperationException();
  }

  @Override
  public <T extends ApiMessage> T request(Class<T> type) {
    return type.cast(request);
  }

  @Override
  public long receivedNanos() {
    return 0;
  }

  @Override
  public void reply(ApiMessage response) {
    answer.complete(response);
  }

  @Override
  public void reply(ApiMessage response, Runnable release) {
    answer.complete(response);
    release.run();
  }

  @Override
  public void replyNothing() {
    throw new UnsupportedOperationException();
  }

  @Override
  public Runnable retain() {
    return () -> {};
  }

  @Override
  public void fail(Throwable cause) {
    answer.completeExceptionally(cause);
  }

  @Override
  public void close(String reason) {
    throw new UnsupportedOperationException();
  }
}
