package io.spillway.crash;

import io.spillway.crash.Kill.Moment;
import io.spillway.crash.WalContents.Frame;
import io.spillway.peers.BrokerProcess;
import io.spillway.peers.ChildProcess;
import io.spillway.peers.Peers;
import java.util.UUID;

/**
 * Kills brokers at chosen moments. To hit one, it stops the process (SIGSTOP), looks whether this
 * is the moment, and lets it go on where it is not: what SIGKILL then ends has not run since.
 */
final class Killer {

  private final History history;
  private final StoreWatch store;
  private final WalContents wal;

  Killer(History history, StoreWatch store, WalContents wal) {
    this.history = history;
    this.store = store;
    this.wal = wal;
  }

  /** Kills; aims in vain only for as long as tests are patient. */
  void kill(BrokerProcess broker, Moment moment, UUID topicId) {
    long deadline = System.nanoTime() + Peers.PATIENCE.toNanos();
    while (moment != Moment.ANY && System.nanoTime() < deadline) {
      if (moment == Moment.IN_UPLOAD) {
        store.awaitUploadUnderWay();
      }
      ChildProcess process = broker.process();
      process.pause();
      if (moment == Moment.IN_UPLOAD ? store.uploadWasCutShort() : unackedFrames(topicId) > 0) {
        break;
      }
      process.resume();
    }
    broker.kill();
  }

  /**
   * Frames in the log of a broker that does not run beyond the last offset that was acknowledged.
   * Acknowledgements are looked at after the log, so that those still on their way to their
   * producers are no longer.
   */
  long unackedFrames(UUID topicId) {
    return wal.frames().stream()
        .filter(frame -> frame.stream().topicId().equals(topicId))
        .filter(this::isUnacked)
        .count();
  }

  private boolean isUnacked(Frame frame) {
    return frame.endOffset() > history.ackedEnd(frame.stream().partition());
  }
}
