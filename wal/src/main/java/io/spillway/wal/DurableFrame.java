package io.spillway.wal;

/**
 * Where an appended batch is, once it is durable.
 *
 * @param position of the frame's payload in the WAL: absolute, strictly increasing in append order,
 *     over all incarnations
 * @param sizeBytes bytes of the payload
 * @param slice the payload in memory; borrowed for the length of the call unless retained through
 *     its block
 */
public record DurableFrame(long position, int sizeBytes, WalSlice slice) {}
