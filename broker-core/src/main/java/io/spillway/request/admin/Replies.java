package io.spillway.request.admin;

import io.spillway.request.Exchange;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.apache.kafka.common.protocol.ApiMessage;

/** Answers that come when the control plane's do. */
final class Replies {

  private Replies() {}

  /** Replies with what {@code response} makes of the result, or fails the exchange. */
  static <T> void whenDone(
      Exchange exchange, CompletableFuture<T> result, Function<T, ? extends ApiMessage> response) {
    result
        .thenApply(response)
        .whenComplete(
            (message, failure) -> {
              if (failure == null) {
                exchange.reply(message);
              } else {
                exchange.fail(unwrap(failure));
              }
            });
  }

  static Throwable unwrap(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
