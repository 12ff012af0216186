package io.spillway.request;

import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.protocol.ApiMessage;

/** Answers an exchange with what a future comes to. */
public final class Replies {

  private Replies() {}

  public static void send(Exchange exchange, CompletableFuture<? extends ApiMessage> answer) {
    answer.whenComplete(
        (response, error) -> {
          if (error != null) {
            exchange.fail(error);
          } else {
            exchange.reply(response);
          }
        });
  }
}
