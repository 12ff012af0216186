package io.spillway.stream;

import java.nio.ByteBuffer;

/**
 * A batch as it lies in an object.
 *
 * @param endOffset exclusive
 * @param maxTimestampMs the largest record timestamp in it, or -1
 * @param flags those of {@link io.spillway.wal.Batch}
 * @param bytes position to limit; whose they are says who hands it over
 */
public record StoredBatch(
    long baseOffset, long endOffset, long maxTimestampMs, int flags, ByteBuffer bytes) {}
