package io.spillway.kafka.transaction;

/**
 * Sees decided transactions of one load of a partition to their end: markers everywhere, then the
 * last record. Called by that partition's shard only, one call at a time; nothing blocks.
 */
interface Endings {

  /** The decision is durable. Nothing happens while that id's ending is under way. */
  void begin(String id, Transaction ending);

  /** The end of the id's transaction is durable: the next may begin. */
  void onComplete(String id);

  /** The load is over: somebody else goes on, from the log. */
  void close();
}
