package io.spillway.maintain;

import io.spillway.catalog.CatalogCommand.WalKind;
import io.spillway.catalog.CatalogView;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.catalog.StreamCatalog.WalPhase;
import io.spillway.catalog.StreamCatalog.WalState;
import io.spillway.wal.PayloadVerifier;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.WalInspector;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
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
  private final NavigableMap<StreamId, List<Run>> runs;
  private final Optional<String> damage;
  private long uncommittedFrames;
  private long uncommittedBytes;

  /** Offsets without a gap. */
  private static final class Run {
    final long baseOffset;
    long endOffset;

    Run(long baseOffset, long endOffset) {
      this.baseOffset = baseOffset;
      this.endOffset = endOffset;
    }
  }

  private record Frame(StreamId stream, long endOffset, int sizeBytes) {}

  private final List<Frame> frames;

  private WalCheck(
      int nodeId,
      Path directory,
      Optional<WriterIncarnation> writer,
      NavigableMap<StreamId, List<Run>> runs,
      List<Frame> frames,
      Optional<String> damage) {
    this.nodeId = nodeId;
    this.directory = directory;
    this.writer = writer;
    this.runs = runs;
    this.frames = frames;
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
          nodeId, directory, Optional.empty(), new TreeMap<>(), List.of(), Optional.empty());
    }
    Collector found = new Collector();
    WalInspector.Summary summary = WalInspector.inspect(directory, verifier, found);
    return new WalCheck(
        nodeId,
        directory,
        summary.writer(),
        found.runs,
        found.frames,
        summary.damage().map(Object::toString));
  }

  private static final class Collector implements WalInspector.Visitor {
    final NavigableMap<StreamId, List<Run>> runs = new TreeMap<>();
    final List<Frame> frames = new ArrayList<>();

    @Override
    public void onSegment(WalInspector.SegmentInfo segment) {}

    @Override
    public void onBlock(WalInspector.BlockInfo block) {}

    @Override
    public void onFrame(WalInspector.FrameInfo frame) {
      frames.add(new Frame(frame.stream(), frame.endOffset(), frame.sizeBytes()));
      List<Run> of = runs.computeIfAbsent(frame.stream(), id -> new ArrayList<>());
      Run last = of.isEmpty() ? null : of.get(of.size() - 1);
      if (last != null && frame.baseOffset() <= last.endOffset) {
        last.endOffset = Math.max(last.endOffset, frame.endOffset());
      } else {
        of.add(new Run(frame.baseOffset(), frame.endOffset()));
      }
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
    Map<StreamId, Long> committed = new HashMap<>();
    for (StreamState stream : catalog.streams()) {
      if (stream.phase() != Phase.DELETED) {
        compare(stream, problems);
        committed.put(stream.id(), stream.committedEndOffset());
      }
    }
    for (Frame frame : frames) {
      if (frame.endOffset() > committed.getOrDefault(frame.stream(), Long.MAX_VALUE)) {
        uncommittedFrames++;
        uncommittedBytes += frame.sizeBytes();
      }
    }
    return problems;
  }

  private void compare(StreamState stream, List<String> problems) {
    long covered = stream.committedEndOffset();
    for (Run run : runs.getOrDefault(stream.id(), List.of())) {
      if (run.endOffset <= covered) {
        continue;
      }
      if (run.baseOffset > covered) {
        problems.add(
            "MISSING  [%d, %d) of stream %s is neither in an object nor in the WAL"
                .formatted(covered, run.baseOffset, stream.id()));
      }
      covered = run.endOffset;
    }
  }

  /** What was found, for a person; after {@link #compareWith}. */
  public String summary() {
    return writer
        .map(
            found ->
                "WAL %s of node %d: %d batches of %d bytes are in it alone"
                    .formatted(found.walId(), found.nodeId(), uncommittedFrames, uncommittedBytes))
        .orElse("no WAL in " + directory);
  }
}
