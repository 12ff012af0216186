package io.spillway.partition;

/**
 * What a verification gives: proof, under the partition's lock, that no marker has ended the
 * transaction since the question was put (KIP-890). A partition takes it back with the batch that
 * begins the transaction. Only identity counts.
 */
public final class TransactionGuard {

  /** For batches of a transaction that is open already, and for those of none. */
  public static final TransactionGuard NONE = new TransactionGuard();

  public TransactionGuard() {}
}
