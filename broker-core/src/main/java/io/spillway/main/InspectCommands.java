package io.spillway.main;

import io.spillway.catalog.CatalogInspector;
import io.spillway.config.StartRefusedException;
import io.spillway.format.v1.ObjectInspector;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStoreException;
import io.spillway.object.ObjectStores;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.AmbientRuntime;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import io.spillway.wal.local.WalInspector;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParseResult;

/** {@code inspect wal|object|catalog}: what is in it, for a person. Exit code 2 for damage. */
@AmbientRuntime
final class InspectCommands {

  private static final String CATALOG = "catalog";
  private static final String KEY = "--key";
  private static final String KEY_LABEL = "KEY";

  private InspectCommands() {}

  static CommandSpec inspect(PrintStream out) {
    CommandSpec inspect = Commands.command("inspect", Commands::usage);
    inspect
        .usageMessage()
        .description(
            "Shows what is in the files of a broker, and what is damaged in them (exit code 2).",
            "Changes nothing; the broker may run.");
    inspect.addSubcommand("wal", wal(out));
    inspect.addSubcommand("object", object(out));
    inspect.addSubcommand("catalog", catalog(out));
    return inspect;
  }

  private static CommandSpec wal(PrintStream out) {
    CommandSpec wal = Commands.command("wal", result -> inspectWal(result, out));
    wal.usageMessage()
        .description(
            "Shows a write-ahead log's segments, blocks and where it ends, and why there.",
            "One in a bucket is named by the bucket's URL and the id of the log.");
    wal.addOption(
        OptionSpec.builder("--frames")
            .type(boolean.class)
            .description("Also every frame: stream, offsets, size.")
            .build());
    wal.addOption(
        OptionSpec.builder("--wal-id")
            .type(UUID.class)
            .paramLabel("ID")
            .description("Which log of the bucket; without it they are listed.")
            .build());
    wal.addPositional(
        where(
            "DIR|URL",
            "Directory of the log: wal under data.dir by default. Or a bucket as in"
                + " object.store.url, for wal.url=object:."));
    return wal;
  }

  private static CommandSpec object(PrintStream out) {
    CommandSpec object = Commands.command("object", result -> inspectObject(result, out));
    object
        .usageMessage()
        .description("Shows the streams and blocks of a data object, and checks every block.");
    object.addOption(
        OptionSpec.builder(KEY)
            .type(String.class)
            .paramLabel(KEY_LABEL)
            .description("Key of the object in the store, as in data/d6/...")
            .build());
    object.addPositional(
        where(
            "FILE|URL",
            "A data object: a file under data of the object store. Or a store as in"
                + " object.store.url, with --key."));
    return object;
  }

  private static CommandSpec catalog(PrintStream out) {
    CommandSpec catalog = Commands.command("catalog", result -> inspectCatalog(result, out));
    catalog
        .usageMessage()
        .description("Shows the catalog's records, each command's verdict, and what is in force.");
    catalog.addPositional(
        where(
            "DIR|URL",
            "Directory of the object store: store under data.dir by default. Or a store as in"
                + " object.store.url."));
    return catalog;
  }

  private static PositionalParamSpec where(String label, String description) {
    return PositionalParamSpec.builder()
        .index("0")
        .arity("1")
        .required(true)
        .paramLabel(label)
        .type(String.class)
        .description(description)
        .build();
  }

  private static String where(ParseResult result) {
    return result.matchedPositionalValue(0, "");
  }

  private static Path existing(String file) {
    Path path = Path.of(file);
    if (!Files.exists(path)) {
      throw new StartRefusedException("no such file or directory: " + path);
    }
    return path;
  }

  private static int inspectWal(ParseResult result, PrintStream out) {
    boolean frames = result.hasMatchedOption("--frames");
    String where = where(result);
    if (Commands.isStore(where)) {
      Optional<UUID> walId =
          Optional.ofNullable(result.<@Nullable UUID>matchedOptionValue("--wal-id", null));
      return InspectChain.run(where, walId, frames, out);
    }
    WalInspector.Summary summary =
        WalInspector.inspect(existing(where), new KafkaBatchVerifier(), new Printer(out, frames));
    WriterIncarnation writer = summary.writer().orElse(null);
    out.println(
        writer == null
            ? "no WAL in here"
            : "wal %s  node %d  incarnation %d"
                .formatted(writer.walId(), writer.nodeId(), writer.incarnation()));
    out.println(
        "%d segments, %d blocks, %d frames, %d bytes of batches"
            .formatted(
                summary.segments(), summary.blocks(), summary.frames(), summary.payloadBytes()));
    if (writer != null) {
      out.println(
          "ends at %d in %s: %s"
              .formatted(summary.endPosition(), summary.endFile(), summary.endReason()));
    }
    summary.damage().ifPresent(damage -> out.println("DAMAGED  " + damage));
    return summary.damage().isPresent() ? ExitCode.REFUSED : ExitCode.OK;
  }

  private static int inspectObject(ParseResult result, PrintStream out) {
    String where = where(result);
    String key = result.<@Nullable String>matchedOptionValue(KEY, null);
    if (Commands.isStore(where) != (key != null)) {
      throw new StartRefusedException(
          "give a file, or a store's URL and " + KEY + " " + KEY_LABEL + " of an object in it");
    }
    try {
      boolean intact =
          key == null
              ? ObjectInspector.inspect(existing(where), out::println)
              : inStore(where, store -> ObjectInspector.inspect(store, key, out::println));
      return intact ? ExitCode.OK : ExitCode.REFUSED;
    } catch (IOException e) {
      throw new StartRefusedException("cannot read " + where + ": " + e, e);
    } catch (ObjectStoreException.NotFound e) {
      throw new StartRefusedException(e.getMessage() + " in " + where, e);
    }
  }

  private static int inspectCatalog(ParseResult result, PrintStream out) {
    String where = where(result);
    String url = Commands.isStore(where) ? where : "file:" + existing(where).toAbsolutePath();
    try {
      boolean intact =
          inStore(
              url,
              store -> {
                if (store.list(CATALOG + "/", "", 1).join().isEmpty()) {
                  throw new StartRefusedException(
                      "no object store with a catalog in "
                          + where
                          + ": give the directory or the URL of object.store.url, store under"
                          + " data.dir by default");
                }
                return CatalogInspector.inspect(store, CATALOG, out::println);
              });
      return intact ? ExitCode.OK : ExitCode.REFUSED;
    } catch (IOException e) {
      throw new StartRefusedException("cannot read " + where + ": " + e, e);
    }
  }

  private interface Look {
    boolean at(ObjectStore store) throws IOException;
  }

  private static boolean inStore(String url, Look look) throws IOException {
    Commands.requireThere(url);
    try (SystemThreads threads = Commands.threads("inspect");
        ObjectStore store = ObjectStores.open(url, threads)) {
      return look.at(store);
    }
  }

  /** A frame of any kind of log. */
  static String frameLine(
      long position, StreamId stream, long baseOffset, long endOffset, int sizeBytes) {
    return "  frame %d  stream %s  [%d, %d)  %d bytes"
        .formatted(position, stream, baseOffset, endOffset, sizeBytes);
  }

  private record Printer(PrintStream out, boolean frames) implements WalInspector.Visitor {
    @Override
    public void onSegment(WalInspector.SegmentInfo segment) {
      out.println(
          "segment %s  position %d  %d bytes"
              .formatted(segment.file(), segment.position(), segment.sizeBytes()));
    }

    @Override
    public void onBlock(WalInspector.BlockInfo block) {
      var header = block.header();
      out.println(
          "block %d  %s at %d  incarnation %d  %d frames  %d bytes  durable %d  trimmed %d  %s"
              .formatted(
                  header.position(),
                  block.file(),
                  block.byteOffset(),
                  header.incarnation(),
                  header.frameCount(),
                  header.lengthBytes(),
                  header.durableUpTo(),
                  header.trimPosition(),
                  Instant.ofEpochMilli(header.writtenAtMs())));
    }

    @Override
    public void onFrame(WalInspector.FrameInfo frame) {
      if (frames) {
        out.println(
            frameLine(
                frame.position(),
                frame.stream(),
                frame.baseOffset(),
                frame.endOffset(),
                frame.sizeBytes()));
      }
    }
  }
}
