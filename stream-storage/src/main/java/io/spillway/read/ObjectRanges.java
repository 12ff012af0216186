package io.spillway.read;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog;
import io.spillway.format.v1.ObjectIndex.Range;
import io.spillway.object.ObjectStoreException;
import io.spillway.stream.StreamException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** From what the catalog says of a stream to what an object's index says of it. */
final class ObjectRanges {

  private final StreamCatalog catalog;
  private final ObjectIndexes indexes;

  ObjectRanges(StreamCatalog catalog, ObjectIndexes indexes) {
    this.catalog = catalog;
    this.indexes = indexes;
  }

  /** What an object has of a stream. */
  record Located(ObjectRef object, Range range) {}

  StreamCatalog catalog() {
    return catalog;
  }

  CompletableFuture<Located> locate(Extent extent, long client) {
    Optional<ObjectRef> object = catalog.object(extent.objectKey());
    if (object.isEmpty()) {
      return CompletableFuture.failedFuture(
          new ObjectStoreException.NotFound("object " + extent.objectKey() + " was let go"));
    }
    return indexes
        .get(object.get(), client)
        .thenApply(
            index -> {
              Range range = index.range(extent.stream());
              if (range == null
                  || range.baseOffset() > extent.baseOffset()
                  || range.endOffset() < extent.endOffset()) {
                throw new StreamException.Corrupt(
                    "object %s lacks [%d, %d) of stream %s, which the catalog says it has"
                        .formatted(
                            extent.objectKey(),
                            extent.baseOffset(),
                            extent.endOffset(),
                            extent.stream()),
                    null);
              }
              return new Located(object.get(), range);
            });
  }
}
