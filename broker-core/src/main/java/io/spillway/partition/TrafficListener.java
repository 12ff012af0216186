package io.spillway.partition;

/** Told of client traffic, for metrics and quotas. Called on hot paths: must be cheap. */
public interface TrafficListener {

  /** A batch was accepted into the log. */
  void onProduced(String topic, String clientId, int records, int bytes);

  /** Batches are on their way to a client. */
  void onFetched(String topic, String clientId, int bytes);

  /** Listens to nothing. */
  TrafficListener NONE =
      new TrafficListener() {
        @Override
        public void onProduced(String topic, String clientId, int records, int bytes) {}

        @Override
        public void onFetched(String topic, String clientId, int bytes) {}
      };
}
