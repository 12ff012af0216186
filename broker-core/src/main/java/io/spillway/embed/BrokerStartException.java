package io.spillway.embed;

import io.spillway.failure.Explanation;
import java.io.Serial;

/**
 * The broker did not start, and nothing of it is left open. The message is one line: what is wrong,
 * where, and what to do; a wrong setting is called by its name. The cause is for a report of what
 * nobody expected, and of no promised type.
 */
public final class BrokerStartException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  BrokerStartException(Throwable cause) {
    super(
        Explanation.of(cause)
            .map(Explanation::line)
            .orElse("the broker failed to start, please report this: " + cause),
        cause);
  }
}
