package io.spillway.kafka.transaction;

import org.jspecify.annotations.Nullable;

/**
 * One step of one transactional id in the log.
 *
 * @param transaction the state from here on; null when the id is forgotten
 */
record TransactionRecord(String transactionalId, @Nullable Transaction transaction) {}
