package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.CatalogException;
import io.spillway.catalog.StreamCatalog;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Looks up what is to be read. */
public final class SourceObjects {

  private SourceObjects() {}

  /**
   * The objects that the extents are in, by key. Empty when one is not referred to any more, since
   * its streams were trimmed or deleted, or when the catalog cannot tell now.
   */
  public static Optional<Map<String, ObjectRef>> of(StreamCatalog catalog, List<Extent> extents) {
    Map<String, ObjectRef> objects = new HashMap<>();
    try {
      for (Extent extent : extents) {
        String key = extent.objectKey();
        if (!objects.containsKey(key)) {
          Optional<ObjectRef> object = catalog.object(key);
          if (object.isEmpty()) {
            return Optional.empty();
          }
          objects.put(key, object.get());
        }
      }
    } catch (CatalogException.Rebuilding e) {
      return Optional.empty();
    }
    return Optional.of(objects);
  }
}
