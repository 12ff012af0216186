package io.spillway.protocol.frame;

import io.netty.channel.ChannelConfig;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Whether a connection is read from: open while there is no reason against it. Event loop only.
 *
 * <p>A transport may still deliver what it was reading when the gate closed.
 */
public final class ReadGate {

  private final ChannelConfig config;
  private final Consumer<ReadPause> onPause;
  private final Set<ReadPause> reasons = EnumSet.noneOf(ReadPause.class);
  private Runnable onOpen = () -> {};

  /**
   * @param onPause told of every new reason, for the counters
   */
  public ReadGate(ChannelConfig config, Consumer<ReadPause> onPause) {
    this.config = config;
    this.onPause = onPause;
  }

  /** What to do with bytes that were left unparsed, once the gate opens. */
  void onOpen(Runnable task) {
    this.onOpen = task;
  }

  public boolean isOpen() {
    return reasons.isEmpty();
  }

  public boolean isPausedBy(ReadPause reason) {
    return reasons.contains(reason);
  }

  public void pause(ReadPause reason) {
    if (isPausedBy(reason)) {
      return;
    }
    boolean wasOpen = isOpen();
    reasons.add(reason);
    onPause.accept(reason);
    if (wasOpen) {
      config.setAutoRead(false);
    }
  }

  public void resume(ReadPause reason) {
    if (!isPausedBy(reason)) {
      return;
    }
    reasons.remove(reason);
    if (isOpen()) {
      onOpen.run();
      if (isOpen()) {
        config.setAutoRead(true);
      }
    }
  }
}
