package io.spillway.upload;

import java.util.concurrent.CompletionException;

/** What a future failed with, without the wrapping that depends on who looks. */
public final class Failures {

  private Failures() {}

  public static Throwable cause(Throwable failure) {
    Throwable cause = failure.getCause();
    return failure instanceof CompletionException && cause != null ? cause(cause) : failure;
  }
}
