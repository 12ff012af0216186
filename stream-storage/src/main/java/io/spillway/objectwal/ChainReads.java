package io.spillway.objectwal;

import io.spillway.cache.ByteBudget;
import io.spillway.cache.LruCache;
import io.spillway.object.ObjectStore;
import io.spillway.object.Retry;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WalException;
import io.spillway.wal.format.FrameHeader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.zip.CRC32C;

/**
 * Reads payloads of a chain back by position. Objects are got in pieces that neighbours share, and
 * the newest pieces are kept: an upload reads stream by stream, and the streams lie side by side in
 * each block. Memory is bounded: as much may be on its way as is kept. Safe for any thread;
 * completes on the store's threads.
 */
final class ChainReads {

  private static final int PIECE_BYTES = 1 << 20;

  /** Uploads and recovery are one. */
  private static final long CLIENT = 0;

  private final ObjectStore store;
  private final UUID walId;
  private final PayloadVerifier verifier;
  private final LruCache<Piece, ByteBuffer> cache;

  /** Pieces on their way; a frame's two need not be there at the same time to make progress. */
  private final ByteBudget budget;

  private final Map<Piece, CompletableFuture<ByteBuffer>> loading = new HashMap<>();

  ChainReads(ObjectStore store, UUID walId, PayloadVerifier verifier, long cacheBytes) {
    this.store = store;
    this.walId = walId;
    this.verifier = verifier;
    this.cache = new LruCache<>(cacheBytes, ByteBuffer::capacity, (piece, bytes) -> {});
    this.budget = new ByteBudget(Math.max(2L * PIECE_BYTES, cacheBytes));
  }

  /**
   * The payload at a position, in a buffer of its own. Fails with {@link WalException.Corrupt} when
   * it is not what was written there, with an object store exception when it cannot be got.
   */
  CompletableFuture<ByteBuffer> read(long position, int payloadBytes) {
    long number = ChainPosition.number(position);
    int from = ChainPosition.byteInObject(position) - FrameHeader.BYTES;
    if (from < ChainObject.HEADER_BYTES || payloadBytes < 0) {
      return CompletableFuture.failedFuture(corrupt(number, from, "no frame can be there"));
    }
    int to = from + FrameHeader.BYTES + payloadBytes;
    List<CompletableFuture<ByteBuffer>> pieces = new ArrayList<>(2);
    for (int index = from / PIECE_BYTES; (long) index * PIECE_BYTES < to; index++) {
      pieces.add(piece(new Piece(number, index)));
    }
    return CompletableFuture.allOf(pieces.toArray(CompletableFuture[]::new))
        .thenApply(all -> payload(number, from, to, pieces));
  }

  void clear() {
    cache.clear();
  }

  private ByteBuffer payload(
      long number, int from, int to, List<CompletableFuture<ByteBuffer>> pieces) {
    ByteBuffer frame = ByteBuffer.allocate(to - from);
    long pieceAt = (long) (from / PIECE_BYTES) * PIECE_BYTES;
    for (CompletableFuture<ByteBuffer> piece : pieces) {
      ByteBuffer bytes = piece.join();
      int start = (int) Math.max(0, from - pieceAt);
      int end = (int) Math.min(bytes.limit(), to - pieceAt);
      if (start < end) {
        frame.put(bytes.slice(start, end - start));
      }
      pieceAt += PIECE_BYTES;
    }
    frame.flip();
    int payloadBytes = to - from - FrameHeader.BYTES;
    String defect =
        FrameHeader.defect(
            frame, 0, frame.limit(), ChainPosition.of(number, from), verifier, new CRC32C());
    if (defect == null && FrameHeader.payloadBytes(frame, 0) != payloadBytes) {
      defect = "the frame holds " + FrameHeader.payloadBytes(frame, 0) + " bytes";
    }
    if (defect != null) {
      throw corrupt(number, from, defect + "; expected a payload of " + payloadBytes + " bytes");
    }
    return frame.slice(FrameHeader.BYTES, payloadBytes);
  }

  private CompletableFuture<ByteBuffer> piece(Piece piece) {
    ByteBuffer cached = cache.get(piece);
    if (cached != null) {
      return CompletableFuture.completedFuture(cached);
    }
    CompletableFuture<ByteBuffer> mine = new CompletableFuture<>();
    synchronized (loading) {
      CompletableFuture<ByteBuffer> other = loading.putIfAbsent(piece, mine);
      if (other != null) {
        return other;
      }
    }
    budget
        .take(CLIENT, PIECE_BYTES)
        .thenCompose(
            taken ->
                store.getRange(
                    ChainKeys.key(walId, piece.number),
                    (long) piece.index * PIECE_BYTES,
                    PIECE_BYTES))
        .whenComplete(
            (bytes, failure) -> {
              budget.give(PIECE_BYTES);
              if (failure == null) {
                cache.put(piece, bytes);
              }
              synchronized (loading) {
                loading.remove(piece);
              }
              if (failure == null) {
                mine.complete(bytes);
              } else {
                mine.completeExceptionally(Retry.unwrap(failure));
              }
            });
    return mine;
  }

  private WalException.Corrupt corrupt(long number, int at, String defect) {
    return new WalException.Corrupt(
        "%s is damaged at byte %d: %s".formatted(ChainKeys.key(walId, number), at, defect));
  }

  private record Piece(long number, int index) {}
}
