package io.spillway.catalog;

import static io.spillway.catalog.TestCommands.S1;
import static io.spillway.catalog.TestCommands.S2;
import static io.spillway.catalog.TestCommands.extent;
import static io.spillway.catalog.TestCommands.object;
import static io.spillway.catalog.TestCommands.token;
import static io.spillway.catalog.TestCommands.writer;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.wal.WriterIncarnation;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CatalogFormatTest {

  private static final WriterIncarnation A1 = writer(1, 1, 1);
  private static final WriterIncarnation B1 = writer(2, 2, 1);
  private static final long FAR = 5_000_000_000_000L;

  @Test
  void recordsAreThoseOfTheGoldenFile() throws IOException {
    List<CatalogCommand> commands = everyCommand();
    ByteBuffer golden = golden("catalog-v1-record.hex", join(record(commands)));
    assertThat(CommandCodec.decode(7, golden)).isEqualTo(commands);
  }

  @Test
  void mergesAreThoseOfTheGoldenFile() throws IOException {
    List<CatalogCommand> commands = List.of(someMerge());
    ByteBuffer golden = golden("catalog-v1-merge.hex", join(record(commands)));
    assertThat(CommandCodec.decode(7, golden)).isEqualTo(commands);
  }

  @Test
  void compactionsAreThoseOfTheGoldenFile() throws IOException {
    List<CatalogCommand> commands = List.of(new TestCommands().compacted(S1, A1, FAR));
    ByteBuffer golden = golden("catalog-v1-compacted.hex", join(record(commands)));
    assertThat(CommandCodec.decode(7, golden)).isEqualTo(commands);
  }

  @Test
  void checkpointsOfCompactedStreamsAreThoseOfTheGoldenFile() throws IOException {
    CatalogState state = someCompactedState();
    ByteBuffer golden =
        golden("catalog-v1-checkpoint-compacted.hex", join(CheckpointCodec.encode(state)));
    CatalogState read = CheckpointCodec.decode(7, golden);
    assertThat(join(CheckpointCodec.encode(read))).isEqualTo(golden);
    assertThat(read.streams.values())
        .extracting(stream -> stream.compactedEndOffset)
        .containsExactly(FAR, FAR);
  }

  @Test
  void checkpointsAreThoseOfTheGoldenFile() throws IOException {
    CatalogState state = someState();
    ByteBuffer golden = golden("catalog-v1-checkpoint.hex", join(CheckpointCodec.encode(state)));
    CatalogState read = CheckpointCodec.decode(7, golden);
    assertThat(join(CheckpointCodec.encode(read))).isEqualTo(golden);
    assertThat(read.references.object("o1")).extracting(ObjectEntry::references).isEqualTo(2);
  }

  @Test
  void aNewerVersionOrAnUnknownCommandIsRefusedByName() {
    ByteBuffer record = join(record(List.of(new TestCommands().level(1))));
    ByteBuffer newer = copy(record).putShort(0, (short) 2);
    assertThatThrownBy(() -> CommandCodec.decode(7, newer))
        .isInstanceOf(CatalogException.TooNew.class)
        .hasMessageContaining("record 7 has version 2");
    ByteBuffer unknown = copy(record).put(6, (byte) 99);
    assertThatThrownBy(() -> CommandCodec.decode(7, unknown))
        .isInstanceOf(CatalogException.TooNew.class)
        .hasMessageContaining("type 99");
    ByteBuffer checkpoint = copy(join(CheckpointCodec.encode(someState())));
    assertThatThrownBy(() -> CheckpointCodec.decode(7, copy(checkpoint).putShort(0, (short) 9)))
        .isInstanceOf(CatalogException.TooNew.class)
        .hasMessageContaining("checkpoint 7 has version 9");
    assertThatThrownBy(() -> CheckpointCodec.decode(7, copy(checkpoint).putInt(2, 9)))
        .isInstanceOf(CatalogException.TooNew.class)
        .hasMessageContaining("rule level 9");
  }

  @Test
  void anythingElseIsDamageAndNeverAnotherException() {
    Random random = new Random(41);
    List<CatalogCommand> commands = new ArrayList<>(everyCommand());
    commands.add(someMerge());
    commands.add(new TestCommands().compacted(S1, A1, FAR));
    ByteBuffer record = join(record(commands));
    ByteBuffer checkpoint = join(CheckpointCodec.encode(someCompactedState()));
    for (int i = 0; i < 3_000; i++) {
      ByteBuffer first = mutated(record, random);
      ByteBuffer second = mutated(checkpoint, random);
      understandsOrRefuses(() -> CommandCodec.decode(7, first));
      understandsOrRefuses(() -> CheckpointCodec.decode(7, second));
    }
  }

  private static void understandsOrRefuses(Runnable decode) {
    try {
      decode.run();
    } catch (CatalogException e) {
      assertThat(e).hasMessageContaining("7");
    }
  }

  private static ByteBuffer mutated(ByteBuffer original, Random random) {
    ByteBuffer bytes = copy(original);
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      bytes.put(random.nextInt(bytes.limit()), (byte) random.nextInt(256));
    }
    return random.nextInt(4) == 0 ? bytes.limit(random.nextInt(bytes.limit())) : bytes;
  }

  private static List<CatalogCommand> everyCommand() {
    TestCommands say = new TestCommands();
    Extent old = extent(S1, "o", FAR, FAR + 10);
    Extent by = extent(S1, "m", FAR, FAR + 10);
    return List.of(
        say.level(1),
        say.open(A1),
        say.claim(S1, 4, A1, 17, FAR),
        say.commit(A1, "o", 3, FAR, old, extent(S2, "o", 0, 1), extent(S2, "", 1, 2)),
        say.checkpoint(A1, S1, FAR + 10, "state"),
        say.replace(S1, A1, List.of(object("m", 5)), List.of(old), List.of(by)),
        say.trim(S1, A1, FAR + 5),
        say.close(S1, A1, FAR + 10),
        say.recovered(S1, token(5, B1), FAR + 10),
        say.delete(S2, 99),
        say.raise(6),
        say.seal(A1),
        say.abandon(B1));
  }

  private static CatalogCommand someMerge() {
    return new TestCommands()
        .merge(
            A1,
            "m",
            5,
            List.of(
                extent(S1, "a", FAR, FAR + 5),
                extent(S1, "b", FAR + 5, FAR + 9),
                extent(S2, "a", 0, 3)),
            List.of(extent(S1, "m", FAR, FAR + 9), extent(S2, "m", 0, 3)));
  }

  private static CatalogState someState() {
    TestCommands say = new TestCommands();
    CatalogState state = new CatalogState();
    long position = 10;
    for (CatalogCommand command :
        List.of(
            say.level(1),
            say.open(A1),
            say.open(B1),
            say.claim(S1, 4, A1, 17, -1),
            say.claim(S2, 4, A1, 17, -1),
            say.commit(A1, "o1", 3, 500, extent(S1, "o1", 0, 10), extent(S2, "o1", 0, FAR)),
            say.commit(A1, "o2", 4, 900, extent(S1, "o2", 10, FAR)),
            say.checkpoint(A1, S1, 10, "state"),
            say.trim(S1, A1, 5),
            say.claim(S1, 5, B1),
            say.delete(TestCommands.S3, 3),
            say.raise(2))) {
      state.apply(position++, command);
    }
    return state;
  }

  /** One stream with a checkpoint, one without. */
  private static CatalogState someCompactedState() {
    TestCommands say = new TestCommands();
    CatalogState state = new CatalogState();
    long position = 10;
    for (CatalogCommand command :
        List.of(
            say.level(StreamCatalog.RULE_LEVEL_COMPACTION),
            say.open(A1),
            say.claim(S1, 4, A1, 17, -1),
            say.claim(S2, 4, A1, 17, -1),
            say.commit(A1, "o1", 3, 500, extent(S1, "o1", 0, FAR), extent(S2, "o1", 0, FAR)),
            say.checkpoint(A1, S1, 10, "state"),
            say.compacted(S1, A1, FAR),
            say.compacted(S2, A1, FAR))) {
      state.apply(position++, command);
    }
    return state;
  }

  private static List<ByteBuffer> record(List<CatalogCommand> commands) {
    return CommandCodec.record(commands.stream().map(CommandCodec::encode).toList());
  }

  private static ByteBuffer golden(String name, ByteBuffer written) throws IOException {
    byte[] bytes = new byte[written.remaining()];
    written.get(written.position(), bytes);
    String hex = HexFormat.of().formatHex(bytes);
    try (InputStream file = CatalogFormatTest.class.getResourceAsStream("/golden/" + name)) {
      assertThat(file).as("%s; written now:%n%s", name, hex).isNotNull();
      assertThat(hex).isEqualTo(new String(file.readAllBytes(), US_ASCII).strip());
    }
    return ByteBuffer.wrap(bytes);
  }

  private static ByteBuffer join(List<ByteBuffer> parts) {
    ByteBuffer whole = ByteBuffer.allocate(parts.stream().mapToInt(ByteBuffer::remaining).sum());
    parts.forEach(part -> whole.put(part.duplicate()));
    return whole.flip();
  }

  private static ByteBuffer copy(ByteBuffer bytes) {
    return join(List.of(bytes));
  }
}
