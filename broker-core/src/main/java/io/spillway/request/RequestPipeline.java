package io.spillway.request;

import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.protocol.server.KafkaRequest;
import io.spillway.protocol.server.RequestHandler;
import io.spillway.runtime.Clock;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.security.auth.KafkaPrincipal;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one way from the network to a handler: authorize, throttle, handle, audit. Handlers see an
 * {@link Exchange}, never the request of the protocol layer, so none can bypass a step (the build
 * checks it).
 */
public final class RequestPipeline implements RequestHandler {

  private static final Logger LOG = LoggerFactory.getLogger(RequestPipeline.class);

  private final Map<ApiKeys, ApiHandler> handlers;
  private final Authorizer authorizer;
  private final Throttle throttle;
  private final RequestAudit audit;
  private final Consumer<ConnectionInfo> disconnected;
  private final Clock clock;

  /**
   * @param disconnected told of each connection that is gone
   * @throws IllegalArgumentException when two handlers serve the same API
   */
  public RequestPipeline(
      List<ApiHandler> handlers,
      Authorizer authorizer,
      Throttle throttle,
      RequestAudit audit,
      Consumer<ConnectionInfo> disconnected,
      Clock clock) {
    this.handlers = byApi(handlers);
    this.authorizer = authorizer;
    this.throttle = throttle;
    this.audit = audit;
    this.disconnected = disconnected;
    this.clock = clock;
  }

  /** Every API that a handler serves. */
  public Set<ApiKeys> apis() {
    return EnumSet.copyOf(handlers.keySet());
  }

  @Override
  public void handle(KafkaRequest request) {
    RequestContext context = contextOf(request);
    PipelineExchange exchange = new PipelineExchange(request, context);
    try {
      if (!authorizer.isAllowed(context)) {
        exchange.fail(new ClusterAuthorizationException("not authorized: " + context.apiKey()));
        return;
      }
      long muteNanos = throttle.onRequest(context, request.sizeBytes());
      if (muteNanos > 0) {
        request.mute(muteNanos);
        exchange.throttleMs = (int) TimeUnit.NANOSECONDS.toMillis(muteNanos);
      }
      handlerOf(context.apiKey()).handle(exchange);
    } catch (RuntimeException e) {
      exchange.fail(e);
    }
  }

  @Override
  public void onDisconnect(ConnectionInfo connection) {
    disconnected.accept(connection);
  }

  /** The server hands over served APIs only, so a missing handler is a broken invariant. */
  private ApiHandler handlerOf(ApiKeys apiKey) {
    return Objects.requireNonNull(handlers.get(apiKey), () -> "no handler serves " + apiKey);
  }

  private static Map<ApiKeys, ApiHandler> byApi(List<ApiHandler> handlers) {
    Map<ApiKeys, ApiHandler> byApi = new EnumMap<>(ApiKeys.class);
    for (ApiHandler handler : handlers) {
      for (ApiKeys api : handler.apis()) {
        ApiHandler other = byApi.put(api, handler);
        if (other != null) {
          throw new IllegalArgumentException(
              api + " is served by both " + other.getClass() + " and " + handler.getClass());
        }
      }
    }
    return byApi;
  }

  private static RequestContext contextOf(KafkaRequest request) {
    ConnectionInfo connection = request.connection();
    String clientId = request.clientId();
    return new RequestContext(
        KafkaPrincipal.ANONYMOUS,
        connection.listener(),
        clientId == null ? "" : clientId,
        softwareOf(connection),
        connection.remoteAddress().getAddress(),
        connection.id(),
        request.apiKey(),
        request.apiVersion(),
        request.correlationId());
  }

  private static String softwareOf(ConnectionInfo connection) {
    String name = connection.clientSoftwareName();
    return name.isEmpty() ? "" : name + "/" + connection.clientSoftwareVersion();
  }

  private final class PipelineExchange implements Exchange {
    private final KafkaRequest request;
    private final RequestContext context;
    private final AtomicBoolean answered = new AtomicBoolean();
    private volatile int throttleMs;

    PipelineExchange(KafkaRequest request, RequestContext context) {
      this.request = request;
      this.context = context;
    }

    @Override
    public RequestContext context() {
      return context;
    }

    @Override
    public ConnectionInfo connection() {
      return request.connection();
    }

    @Override
    public <T extends ApiMessage> T request(Class<T> type) {
      return type.cast(request.body());
    }

    @Override
    public long receivedNanos() {
      return request.receivedNanos();
    }

    @Override
    public void reply(ApiMessage response) {
      reply(response, () -> {});
    }

    @Override
    public void reply(ApiMessage response, Runnable release) {
      if (isFirstAnswer()) {
        auditAs(Errors.NONE);
        if (throttleMs > 0) {
          ThrottleTimes.set(response, throttleMs);
        }
        request.reply(response, release);
      } else {
        release.run();
      }
    }

    @Override
    public void replyNothing() {
      if (isFirstAnswer()) {
        auditAs(Errors.NONE);
        request.replyNothing();
      }
    }

    @Override
    public Runnable retain() {
      return request.retain();
    }

    @Override
    public void fail(Throwable failure) {
      if (!isFirstAnswer()) {
        return;
      }
      Throwable cause = ErrorResponses.unwrap(failure);
      Errors error = Errors.forException(cause);
      boolean isOurs = error == Errors.UNKNOWN_SERVER_ERROR || !(cause instanceof ApiException);
      if (isOurs && !(cause instanceof UnreadableRequestException)) {
        LOG.error("{} of {} failed", context.apiKey(), context.clientId(), cause);
      }
      auditAs(error);
      answerWithError(cause);
    }

    @Override
    public void close(String reason) {
      if (isFirstAnswer()) {
        auditAs(Errors.NETWORK_EXCEPTION);
        request.close(reason);
      }
    }

    private void answerWithError(Throwable cause) {
      @Nullable ApiMessage response = null;
      try {
        response = ErrorResponses.of(context.apiKey(), context.apiVersion(), request.body(), cause);
      } catch (RuntimeException e) {
        LOG.error("{} v{} has no error response", context.apiKey(), context.apiVersion(), e);
      }
      if (response == null) {
        request.close(context.apiKey() + " failed: " + cause.getMessage());
      } else {
        request.reply(response);
      }
    }

    /** A second answer is a bug of the handler; the client must not see it. */
    private boolean isFirstAnswer() {
      boolean first = answered.compareAndSet(false, true);
      if (!first) {
        LOG.error(
            "{} of {} was answered twice; the second answer is dropped",
            context.apiKey(),
            context.clientId(),
            new IllegalStateException("answered twice"));
      }
      return first;
    }

    private void auditAs(Errors error) {
      audit.onRequest(
          context, error, request.sizeBytes(), clock.nanoTime() - request.receivedNanos());
    }
  }
}
