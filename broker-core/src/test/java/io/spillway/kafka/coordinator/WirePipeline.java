package io.spillway.kafka.coordinator;

import io.spillway.protocol.server.ConnectionInfo;
import io.spillway.protocol.server.KafkaRequest;
import io.spillway.request.ApiHandler;
import io.spillway.request.Authorizer;
import io.spillway.request.FakeRequest;
import io.spillway.request.RequestPipeline;
import io.spillway.request.Throttle;
import io.spillway.runtime.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;

/**
 * Handlers behind the request pipeline: every request and every answer passes through its wire
 * form.
 */
public final class WirePipeline {

  private final RequestPipeline pipeline;

  public WirePipeline(List<ApiHandler> handlers, Clock clock) {
    pipeline =
        new RequestPipeline(
            handlers,
            Authorizer.ALLOW_ALL,
            Throttle.NONE,
            (context, error, bytes, nanos) -> {},
            connection -> {},
            clock);
  }

  public CompletableFuture<ApiMessage> send(ApiKeys api, int version, ApiMessage body) {
    Request request = new Request(api, (short) version, rewritten(body, api, version, true));
    pipeline.handle(request);
    return request.answer.thenApply(answer -> rewritten(answer, api, version, false));
  }

  public <R extends ApiMessage> R call(ApiKeys api, int version, ApiMessage body, Class<R> type) {
    return type.cast(await(send(api, version, body)));
  }

  /** As clients do: asks again while the coordinator loads or is elsewhere. */
  public <R extends ApiMessage> R retrying(
      ApiKeys api, int version, ApiMessage body, Class<R> type, Function<R, Short> errorOf) {
    for (int attempt = 0; attempt < 2_000; attempt++) {
      R answer = call(api, version, body, type);
      Errors error = Errors.forCode(errorOf.apply(answer));
      if (error != Errors.COORDINATOR_LOAD_IN_PROGRESS
          && error != Errors.NOT_COORDINATOR
          && error != Errors.COORDINATOR_NOT_AVAILABLE) {
        return answer;
      }
      backOff();
    }
    throw new AssertionError("no coordinator for " + body);
  }

  /** Waits, bounded, for what other threads bring about. */
  public static void until(BooleanSupplier condition) {
    for (int attempt = 0; !condition.getAsBoolean(); attempt++) {
      if (attempt == 2_000) {
        throw new AssertionError("did not come about");
      }
      backOff();
    }
  }

  public static void backOff() {
    try {
      TimeUnit.MILLISECONDS.sleep(2);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  public static <T> T await(CompletableFuture<T> future) {
    try {
      return future.get(5, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  private static ApiMessage rewritten(ApiMessage message, ApiKeys api, int version, boolean asks) {
    ApiMessage parsed = asks ? api.messageType.newRequest() : api.messageType.newResponse();
    parsed.read(MessageUtil.toByteBufferAccessor(message, (short) version), (short) version);
    return parsed;
  }

  private static final class Request implements KafkaRequest {
    private final FakeRequest fake;
    private final CompletableFuture<ApiMessage> answer = new CompletableFuture<>();
    private final List<String> closes = new ArrayList<>();

    Request(ApiKeys api, short version, ApiMessage body) {
      fake = new FakeRequest(api, version, body);
    }

    @Override
    public ConnectionInfo connection() {
      return fake.connection();
    }

    @Override
    public ApiKeys apiKey() {
      return fake.apiKey();
    }

    @Override
    public short apiVersion() {
      return fake.apiVersion();
    }

    @Override
    public int correlationId() {
      return fake.correlationId();
    }

    @Override
    public String clientId() {
      return fake.clientId();
    }

    @Override
    public ApiMessage body() {
      return fake.body();
    }

    @Override
    public int sizeBytes() {
      return fake.sizeBytes();
    }

    @Override
    public long receivedNanos() {
      return fake.receivedNanos();
    }

    @Override
    public void reply(ApiMessage response, Runnable release) {
      answer.complete(response);
      release.run();
    }

    @Override
    public void replyNothing() {
      answer.completeExceptionally(new AssertionError("silence"));
    }

    @Override
    public Runnable retain() {
      return fake.retain();
    }

    @Override
    public void mute(long durationNanos) {}

    @Override
    public void close(String reason) {
      closes.add(reason);
      answer.completeExceptionally(new AssertionError("closed: " + closes));
    }
  }
}
