package io.spillway.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.runtime.SimulatedThreads;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.apache.kafka.common.errors.CoordinatorNotAvailableException;
import org.apache.kafka.common.message.HeartbeatRequestData;
import org.apache.kafka.common.message.HeartbeatResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Errors;
import org.junit.jupiter.api.Test;

class RequestPipelineTest {

  private final List<String> steps = new ArrayList<>();

  @Test
  void everyRequestIsAuthorizedThrottledHandledAndAuditedInThatOrder() {
    FakeRequest request = heartbeat();
    pipeline(true, exchange -> exchange.reply(new HeartbeatResponseData())).handle(request);
    assertThat(steps)
        .containsExactly("authorize client-1", "throttle 100", "handle tester/1.0", "audit NONE");
    assertThat(request.replies).hasSize(1);
    assertThat(request.mutedNanos).isEqualTo(5);
  }

  @Test
  void aRefusedRequestReachesNoHandlerAndIsAudited() {
    FakeRequest request = heartbeat();
    pipeline(false, exchange -> steps.add("never")).handle(request);
    assertThat(steps).containsExactly("authorize client-1", "audit CLUSTER_AUTHORIZATION_FAILED");
    assertThat(errorOf(request)).isEqualTo(Errors.CLUSTER_AUTHORIZATION_FAILED);
  }

  @Test
  void aHandlersExceptionBecomesTheRequestsOwnErrorResponse() {
    FakeRequest request = heartbeat();
    pipeline(
            true,
            exchange -> {
              throw new CoordinatorNotAvailableException("not yet");
            })
        .handle(request);
    assertThat(errorOf(request)).isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
    assertThat(steps).last().isEqualTo("audit COORDINATOR_NOT_AVAILABLE");
  }

  @Test
  void aFuturesWrapperIsTakenOffBeforeTheErrorIsNamed() {
    FakeRequest request = heartbeat();
    pipeline(
            true,
            exchange ->
                exchange.fail(
                    new CompletionException(new CoordinatorNotAvailableException("not yet"))))
        .handle(request);
    assertThat(errorOf(request)).isEqualTo(Errors.COORDINATOR_NOT_AVAILABLE);
  }

  @Test
  void aSecondAnswerIsDroppedAndItsMemoryReleased() {
    FakeRequest request = heartbeat();
    List<String> released = new ArrayList<>();
    pipeline(
            true,
            exchange -> {
              exchange.reply(new HeartbeatResponseData(), () -> released.add("first"));
              exchange.reply(new HeartbeatResponseData(), () -> released.add("second"));
              exchange.fail(new IllegalStateException("third"));
            })
        .handle(request);
    assertThat(request.replies).hasSize(1);
    assertThat(released).containsExactly("first", "second");
  }

  @Test
  void aFailedProduceWithoutAcksClosesTheConnection() {
    FakeRequest request =
        new FakeRequest(ApiKeys.PRODUCE, 9, new ProduceRequestData().setAcks((short) 0));
    pipeline(
            true,
            exchange -> exchange.fail(new CoordinatorNotAvailableException("whatever")),
            ApiKeys.PRODUCE)
        .handle(request);
    assertThat(request.replies).isEmpty();
    assertThat(request.closes).hasSize(1);
  }

  @Test
  void aThrottledProducerIsToldForHowLong() {
    throttleNanos = 7_000_000;
    FakeRequest request = new FakeRequest(ApiKeys.PRODUCE, 9, new ProduceRequestData());
    pipeline(true, exchange -> exchange.reply(new ProduceResponseData()), ApiKeys.PRODUCE)
        .handle(request);
    assertThat(((ProduceResponseData) request.replies.get(0)).throttleTimeMs()).isEqualTo(7);
    assertThat(request.mutedNanos).isEqualTo(7_000_000);
  }

  @Test
  void twoHandlersForOneApiAreRefused() {
    ApiHandler handler = handler(exchange -> {}, ApiKeys.HEARTBEAT);
    assertThatThrownBy(() -> pipelineOf(true, List.of(handler, handler)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("HEARTBEAT");
  }

  private long throttleNanos = 5;

  private static FakeRequest heartbeat() {
    return new FakeRequest(ApiKeys.HEARTBEAT, 4, new HeartbeatRequestData().setGroupId("g"));
  }

  private static Errors errorOf(FakeRequest request) {
    assertThat(request.replies).hasSize(1);
    return Errors.forCode(((HeartbeatResponseData) request.replies.get(0)).errorCode());
  }

  private RequestPipeline pipeline(boolean allowed, Consumer<Exchange> body) {
    return pipeline(allowed, body, ApiKeys.HEARTBEAT);
  }

  private RequestPipeline pipeline(boolean allowed, Consumer<Exchange> body, ApiKeys api) {
    return pipelineOf(allowed, List.of(handler(body, api)));
  }

  private RequestPipeline pipelineOf(boolean allowed, List<ApiHandler> handlers) {
    return new RequestPipeline(
        handlers,
        context -> {
          steps.add("authorize " + context.clientId());
          return allowed;
        },
        (context, bytes) -> {
          steps.add("throttle " + bytes);
          return throttleNanos;
        },
        (context, error, bytes, nanos) -> steps.add("audit " + error),
        connection -> {},
        new SimulatedThreads(1, 0).clock());
  }

  private ApiHandler handler(Consumer<Exchange> body, ApiKeys api) {
    return new ApiHandler() {
      @Override
      public Set<ApiKeys> apis() {
        return Set.of(api);
      }

      @Override
      public void handle(Exchange exchange) {
        steps.add("handle " + exchange.context().clientSoftware());
        body.accept(exchange);
      }
    };
  }
}
