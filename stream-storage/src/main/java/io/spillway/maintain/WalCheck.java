package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.WalInspector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Compares the write-ahead log in a directory with a catalog: every offset from a stream's
 * committed end on, up to the last one in the log, has to be in the log. To be read before the
 * catalog is: a broker that runs trims the log only of what the catalog has.
 */
public final class WalCheck {

  private final int nodeId;
  private final Path directory;
  private final Optional<WriterIncarnation> writer;
  private final LoggedOffsets offsets;
  private final Optional<String> damage;
  private LoggedOffsets.Uncommitted uncommitted = new LoggedOffsets.Uncommitted(0, 0);

  private WalCheck(
      int nodeId,
      Path directory,
      Optional<WriterIncarnation> writer,
      LoggedOffsets offsets,
      Optional<String> damage) {
    this.nodeId = nodeId;
    this.directory = directory;
    this.writer = writer;
    this.offsets = offsets;
    this.damage = damage;
  }

  /**
   * Reads the log; blocks. Takes and changes nothing.
   *
   * @param nodeId of the broker whose log this would be
   * @throws io.spillway.wal.WalException when it cannot be read, or a newer build wrote it
   */
  public static WalCheck read(int nodeId, Path directory, PayloadVerifier verifier) {
    if (!Files.isDirectory(directory)) {
      return new WalCheck(
          nodeId, directory, Optional.empty(), new LoggedOffsets(), Optional.empty());
    }
    Collector found = new Collector();
    WalInspector.Summary summary = WalInspector.inspect(directory, verifier, found);
    return new WalCheck(
        nodeId, directory, summary.writer(), found.offsets, summary.damage().map(Object::toString));
  }

  private static final class Collector implements WalInspector.Visitor {
    final LoggedOffsets offsets = new LoggedOffsets();

    @Override
    public void onSegment(WalInspector.SegmentInfo segment) {}

    @Override
    public void onBlock(WalInspector.BlockInfo block) {}

    @Override
    public void onFrame(WalInspector.FrameInfo frame) {
      offsets.add(frame.stream(), frame.baseOffset(), frame.endOffset(), frame.sizeBytes());
    }
  }

  public boolean isPresent() {
    return writer.isPresent();
  }

  /** What is missing or damaged, one line each. */
  public List<String> compareWith(CatalogView catalog) {
    List<String> problems = new ArrayList<>();
    damage.ifPresent(what -> problems.add("DAMAGED  WAL in " + directory + ": " + what));
    Optional<UUID> here = writer.map(WriterIncarnation::walId);
    for (WalState wal : catalog.wals()) {
      if (wal.phase() == WalPhase.OPEN
          && wal.kind() == WalKind.LOCAL
          && wal.writer().nodeId() == nodeId
          && !here.equals(Optional.of(wal.writer().walId()))) {
        problems.add(
            "MISSING  WAL %s of node %d, which was not drained: it is not in %s"
                .formatted(wal.writer().walId(), nodeId, directory));
      }
    }
    problems.addAll(offsets.missing(catalog, WalCheck::isThere, Map.of()));
    uncommitted = offsets.uncommitted(catalog, WalCheck::isThere);
    return problems;
  }

  private static boolean isThere(StreamState stream) {
    return stream.phase() != Phase.DELETED;
  }

  /** What was found, for a person; after {@link #compareWith}. */
  public String summary() {
    return writer
        .map(
            found ->
                "WAL %s of node %d: %d batches of %d bytes are in it alone"
                    .formatted(
                        found.walId(), found.nodeId(), uncommitted.frames(), uncommitted.bytes()))
        .orElse("no WAL in " + directory);
  }
}
