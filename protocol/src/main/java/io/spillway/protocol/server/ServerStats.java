package io.spillway.protocol.server;

import io.spillway.protocol.frame.InflightBudget;
import io.spillway.protocol.frame.ReadPause;
import java.util.Map;

/**
 * Counters of a server at about one moment.
 *
 * @param connectionsByListener open now
 * @param acceptedTotal connections ever accepted, refused ones not counted
 * @param requestsInFlight handed over and not answered
 * @param requestsTotal ever handed over
 * @param budget memory for frames
 * @param pauses how often reading of a connection was stopped, by cause
 * @param closed connections ended or refused, by reason
 * @param pooledBytes direct memory in buffers that are in use, of frames and responses
 */
public record ServerStats(
    Map<String, Integer> connectionsByListener,
    long acceptedTotal,
    long requestsInFlight,
    long requestsTotal,
    InflightBudget.Snapshot budget,
    Map<ReadPause, Long> pauses,
    long bytesIn,
    long bytesOut,
    Map<CloseReason, Long> closed,
    long pooledBytes) {

  public int connections(String listener) {
    return connectionsByListener.getOrDefault(listener, 0);
  }

  public long pauses(ReadPause cause) {
    return pauses.getOrDefault(cause, 0L);
  }

  public long closed(CloseReason reason) {
    return closed.getOrDefault(reason, 0L);
  }
}
