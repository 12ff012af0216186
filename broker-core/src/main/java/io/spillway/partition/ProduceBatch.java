package io.spillway.partition;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A client's batch for one partition.
 *
 * @param records what the request holds; patched in place, read until the callback is told
 * @param requestVersion of the produce request
 * @param transactionalId whose transaction a transactional batch belongs to
 * @param clientId for traffic figures
 * @param clientKey whose turn it is for room in the WAL, and in it; not 0
 */
public record ProduceBatch(
    @Nullable ByteBuffer records,
    short requestVersion,
    @Nullable String transactionalId,
    String clientId,
    long clientKey,
    ProduceCallback callback) {}
