package io.spillway.main;

import io.spillway.config.StartRefusedException;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.objectwal.ChainInspector;
import io.spillway.objectwal.ChainObject;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.SystemThreads;
import java.io.PrintStream;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/** {@code inspect wal URL}: a write-ahead log in a bucket. */
@AmbientRuntime
final class InspectChain {

  private InspectChain() {}

  /** Shows one log, or without an id which ones there are. */
  static int run(String url, Optional<UUID> walId, boolean frames, PrintStream out) {
    Commands.requireThere(url);
    try (SystemThreads threads = Commands.threads("inspect");
        ObjectStore store = ObjectStores.open(url, threads)) {
      return walId.isPresent() ? show(store, walId.get(), frames, out) : list(store, url, out);
    }
  }

  private static int list(ObjectStore store, String url, PrintStream out) {
    List<UUID> chains = ChainInspector.chains(store);
    chains.forEach(walId -> out.println("wal " + walId));
    out.println(
        "%d logs in %s; show one with --wal-id ID, and which are open with inspect catalog"
            .formatted(chains.size(), url));
    return ExitCode.OK;
  }

  private static int show(ObjectStore store, UUID walId, boolean frames, PrintStream out) {
    ChainInspector.Summary summary =
        ChainInspector.inspect(store, walId, new KafkaBatchVerifier(), new Printer(out, frames));
    if (summary.blocks() == 0 && summary.fencedBy().isEmpty() && summary.damagedObjects() == 0) {
      throw new StartRefusedException("no WAL " + walId + " in the object store");
    }
    summary
        .writer()
        .ifPresent(
            writer ->
                out.println(
                    "wal %s  node %d  incarnation %d"
                        .formatted(writer.walId(), writer.nodeId(), writer.incarnation())));
    out.println(
        "objects %d to %d: %d blocks, %d frames, %d bytes of batches"
            .formatted(
                summary.firstNumber(),
                summary.endNumber(),
                summary.blocks(),
                summary.frames(),
                summary.payloadBytes()));
    out.println(
        summary
            .fencedBy()
            .map(
                by ->
                    "fenced at %d by node %d (WAL %s incarnation %d)"
                        .formatted(summary.endNumber(), by.nodeId(), by.walId(), by.incarnation()))
            .orElse("not fenced"));
    if (summary.voidObjects() > 0) {
      out.println(summary.voidObjects() + " void objects above the end");
    }
    return summary.damagedObjects() > 0 ? ExitCode.REFUSED : ExitCode.OK;
  }

  private record Printer(PrintStream out, boolean frames) implements ChainInspector.Visitor {
    @Override
    public void onObject(ChainObject object) {
      out.println(
          "%s %d  incarnation %d  %d frames  %d bytes  %s"
              .formatted(
                  object.kind() == ChainObject.Kind.FENCE ? "fence" : "block",
                  object.number(),
                  object.maker().incarnation(),
                  object.frameCount(),
                  object.lengthBytes(),
                  Instant.ofEpochMilli(object.writtenAtMs())));
    }

    @Override
    public void onFrame(ChainInspector.FrameInfo frame) {
      if (frames) {
        out.println(
            InspectCommands.frameLine(
                frame.position(),
                frame.stream(),
                frame.baseOffset(),
                frame.endOffset(),
                frame.sizeBytes()));
      }
    }

    @Override
    public void onDamage(String what) {
      out.println("DAMAGED  " + what);
    }
  }
}
