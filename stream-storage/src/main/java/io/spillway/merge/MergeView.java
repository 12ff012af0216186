package io.spillway.merge;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.wal.StreamId;
import java.util.List;
import java.util.Optional;

/** What a plan looks at. May move on while it does: then some of the plan turns out void. */
interface MergeView {

  /** All streams, ascending. */
  List<StreamId> streams();

  /** Whether this broker has the stream open: nobody else may merge it (P19). */
  boolean isMine(StreamId stream);

  /** Up to {@code limit} extents in offset order, from the first that ends above the offset. */
  List<Extent> extents(StreamId stream, long fromOffset, int limit);

  /**
   * An offset that no run may cross, 0 when there is none: the layer above treats what lies below
   * unlike what lies above.
   */
  long compactedEndOffset(StreamId stream);

  Optional<ObjectRef> object(String key);

  /** Whether the object could not be read: what it holds stays where it is. */
  boolean isUnreadable(String objectKey);
}
