package io.spillway.partition;

/**
 * Where a leader epoch ends (KIP-101, KIP-320).
 *
 * @param leaderEpoch the epoch, or {@link #UNDEFINED_EPOCH}
 * @param endOffset exclusive, or -1
 */
public record EpochEnd(int leaderEpoch, long endOffset) {
  public static final int UNDEFINED_EPOCH = -1;
  public static final EpochEnd UNDEFINED = new EpochEnd(UNDEFINED_EPOCH, -1);
}
