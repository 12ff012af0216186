package io.spillway.wal;

/** Told once what became of an append. Called on the WAL's own thread: must not block. */
public interface AppendListener {

  /** The batch is durable. Called in the order of positions over the whole WAL. */
  void onDurable(DurableFrame frame);

  /**
   * The batch is not durable and this incarnation will never make it so (P28). Called in the order
   * of the WAL; every later append of the incarnation fails as well.
   */
  void onFailure(WalException cause);
}
