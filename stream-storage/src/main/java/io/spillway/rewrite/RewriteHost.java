package io.spillway.rewrite;

import io.spillway.catalog.CatalogCommand;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.concurrent.CompletableFuture;

/** What background work needs of the engine around it. */
public interface RewriteHost {

  /** Puts a command into the catalog. */
  CompletableFuture<Verdict> submit(CatalogCommand command);

  WriterIncarnation writer();

  /** Whether this broker has the stream open. */
  boolean isOpen(StreamId stream);

  /** False while uploads need the store more, or this broker may not write. */
  boolean mayRewrite();

  /** What is below is to be read from objects from now on, though memory may still have it. */
  void onCompacted(StreamId stream, long endOffset);

  /** Nothing refers to the object. */
  void discard(String objectKey);
}
