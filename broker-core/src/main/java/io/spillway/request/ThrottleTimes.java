package io.spillway.request;

import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiMessage;

/** {@code throttle_time_ms} of the responses that quotas and budgets slow down (KIP-219). */
final class ThrottleTimes {

  private ThrottleTimes() {}

  /** Says in the response how long its client is not listened to. */
  static void set(ApiMessage response, int throttleMs) {
    if (response instanceof ProduceResponseData produce) {
      produce.setThrottleTimeMs(throttleMs);
    } else if (response instanceof FetchResponseData fetch) {
      fetch.setThrottleTimeMs(throttleMs);
    }
  }
}
