package io.spillway.request.data;

import io.spillway.request.UnreadableRequestException;
import org.apache.kafka.common.IsolationLevel;

/** What a consumer may see: all that is durable, or only what is before the last stable offset. */
final class Isolation {

  private Isolation() {}

  /**
   * @param level as the request has it
   * @throws UnreadableRequestException when there is no such level
   */
  static boolean isReadCommitted(byte level) {
    if (level == IsolationLevel.READ_COMMITTED.id()) {
      return true;
    }
    if (level != IsolationLevel.READ_UNCOMMITTED.id()) {
      throw new UnreadableRequestException("Unknown isolation level " + level);
    }
    return false;
  }
}
