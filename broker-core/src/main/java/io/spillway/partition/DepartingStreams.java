package io.spillway.partition;

import io.spillway.metadata.ClusterMetadata;
import io.spillway.stream.StreamStore;
import io.spillway.wal.StreamId;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.apache.kafka.common.Uuid;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Streams on their way out: given up because somebody else leads (P12), or deleted with their topic
 * (P20). Any thread.
 */
final class DepartingStreams {

  private static final Logger LOG = LoggerFactory.getLogger(DepartingStreams.class);

  private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

  private final StreamStore store;
  private final BooleanSupplier isClosed;
  private final Map<StreamId, CompletableFuture<Void>> closing = new HashMap<>();

  /**
   * @param isClosed from then on a failure is nobody's business
   */
  DepartingStreams(StreamStore store, BooleanSupplier isClosed) {
    this.store = store;
    this.isClosed = isClosed;
  }

  /** Completes, well or not, when the stream is out of our hands; at once if it is not leaving. */
  synchronized CompletableFuture<Void> whenGone(StreamId stream) {
    return closing.getOrDefault(stream, DONE);
  }

  /** The stream leaves; it has left when {@code gone} completes. */
  void leave(StreamId stream, CompletableFuture<Void> gone) {
    synchronized (this) {
      closing.put(stream, gone);
    }
    gone.whenComplete(
        (done, failure) -> {
          if (failure != null) {
            LOG.warn("stream {} was not closed", stream, failure);
          }
          synchronized (this) {
            closing.remove(stream, gone);
          }
        });
  }

  /**
   * Deletes every stream of the topic, those in our hands after they have left.
   *
   * @param more of its streams, which the store may not know yet
   */
  void deleteTopic(Uuid topicId, Set<StreamId> more, long imageOffset) {
    Set<StreamId> streams = new HashSet<>(more);
    for (StreamId stream : store.streams()) {
      if (topicId.equals(topicId(stream))) {
        streams.add(stream);
      }
    }
    streams.forEach(stream -> delete(stream, imageOffset));
  }

  /** P20: the store compares the offset with the stream's own; a lagging view deletes nothing. */
  void deleteThoseWithoutTopic(ClusterMetadata metadata) {
    for (StreamId stream : store.streams()) {
      if (metadata.topic(topicId(stream)).isEmpty()) {
        LOG.info("stream {} has no topic any more: deleting it", stream);
        delete(stream, metadata.offset());
      }
    }
  }

  private void delete(StreamId stream, long imageOffset) {
    whenGone(stream)
        .handle((done, failure) -> store.delete(stream, imageOffset))
        .thenCompose(deletion -> deletion)
        .whenComplete(
            (done, failure) -> {
              if (failure != null && !isClosed.getAsBoolean()) {
                LOG.warn("stream {} was not deleted; the next start tries again", stream, failure);
              }
            });
  }

  private static Uuid topicId(StreamId stream) {
    return new Uuid(
        stream.topicId().getMostSignificantBits(), stream.topicId().getLeastSignificantBits());
  }
}
