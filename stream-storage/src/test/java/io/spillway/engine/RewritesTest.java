package io.spillway.engine;

import static io.spillway.engine.EngineWorld.config;
import static io.spillway.engine.EngineWorld.stream;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.spillway.catalog.CatalogCommand.Extent;
import io.spillway.catalog.CatalogCommand.ObjectRef;
import io.spillway.catalog.StreamCatalog;
import io.spillway.catalog.StreamCatalog.StreamState;
import io.spillway.engine.EngineWorld.Node;
import io.spillway.merge.MergeConfig;
import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStore.ObjectInfo;
import io.spillway.stream.FetchedData;
import io.spillway.stream.StoredBatch;
import io.spillway.stream.StreamException;
import io.spillway.stream.StreamHandle;
import io.spillway.stream.StreamHandle.Part;
import io.spillway.stream.StreamRewriter;
import io.spillway.stream.StreamRewriter.BatchFilter;
import io.spillway.stream.StreamRewriter.Outcome;
import io.spillway.stream.StreamRewriter.Session;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rewriting through a whole engine: what the layer above says is what is read afterwards. */
class RewritesTest {

  private static final int MIB = 1 << 20;
  private static final int SIZE = 500;

  /** Batches have ten offsets; every fifth stays. */
  private static final BatchFilter EVERY_FIFTH =
      (batch, isLast) -> isLast || batch.baseOffset() % 50 == 0 ? batch : null;

  private EngineWorld world = new EngineWorld(32 * MIB);

  @Test
  void whatTheFilterKeepsIsReadAndOffsetsStay() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 6, 20);
    List<String> before = dataObjects();

    try (Session session = begin(node)) {
      assertThat(await(session.rewrite(parts(node), EVERY_FIFTH))).isEqualTo(Outcome.DONE);
      assertThat(await(session.compacted(1200))).isEqualTo(Outcome.DONE);
    }

    List<Extent> extents = extents(node);
    assertThat(extents).hasSize(1);
    assertThat(extents.get(0).baseOffset()).isZero();
    assertThat(extents.get(0).endOffset()).isEqualTo(1200);
    assertThat(read(handle, 0)).containsExactlyElementsOf(expected(1200));
    assertThat(handle.sizeBytes()).isEqualTo(25L * SIZE);
    assertThat(state(node).compactedEndOffset()).isEqualTo(1200);
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(dataObjects()).hasSize(1).doesNotContainAnyElementsOf(before);
    node.stop();
  }

  /** A reader may come from anywhere, also from where nothing is any more. */
  @Test
  void aReadInsideAGapFindsTheNextBatch() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 4, 25);
    rewriteAll(node, EVERY_FIFTH);
    for (long offset = 0; offset < 1000; offset += 7) {
      long from = offset;
      assertThat(read(handle, offset))
          .as("from %d", offset)
          .containsExactlyElementsOf(
              expected(1000).stream().filter(base -> base + 10 > from).toList());
    }
    node.stop();
  }

  @Test
  void timesAreThoseOfWhatIsLeft() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 4, 25);
    rewriteAll(
        node,
        (batch, isLast) ->
            isLast
                ? new StoredBatch(
                    batch.baseOffset(), batch.endOffset(), -1, batch.flags(), batch.bytes())
                : EVERY_FIFTH.filter(batch, false));
    // A batch's timestamp is its base offset.
    assertThat(await(handle.findBatchByTimestamp(301))).contains(350L);
    assertThat(await(handle.findBatchOfMaxTimestamp())).contains(950L);
    assertThat(await(handle.findBatchByTimestamp(951))).isEmpty();
    node.append(handle, 1, SIZE);
    assertThat(await(handle.findBatchByTimestamp(951))).contains(1000L);
    node.stop();
  }

  @Test
  void whatIsLeftAsItIsIsNotWrittenAgain() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 1, 20);
    List<Extent> before = extents(node);
    try (Session session = begin(node)) {
      assertThat(await(session.rewrite(parts(node), (batch, isLast) -> batch)))
          .isEqualTo(Outcome.UNCHANGED);
    }
    assertThat(extents(node)).isEqualTo(before);
    assertThat(node.engine().stats().rewrites().writtenObjects()).isZero();
    node.stop();
  }

  @Test
  void aScanShowsEveryBatchOnce() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 3, 20);
    List<Long> seen = new ArrayList<>();
    try (Session session = begin(node)) {
      assertThat(await(session.scan(parts(node), batch -> seen.add(batch.baseOffset()))))
          .isEqualTo(Outcome.DONE);
      assertThat(node.engine().rewriter().begin(stream(1))).as("one at a time").isEmpty();
    }
    assertThat(seen).hasSize(60).isSorted().doesNotHaveDuplicates();
    node.stop();
  }

  @Test
  void aFilterThatDropsTheEndOfARangeIsRefused() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 2, 20);
    List<Extent> before = extents(node);
    try (Session session = begin(node)) {
      assertThatThrownBy(() -> await(session.rewrite(parts(node), (batch, isLast) -> null)))
          .hasCauseInstanceOf(IllegalStateException.class)
          .hasMessageContaining("expected end offset 400");
    }
    assertThat(extents(node)).isEqualTo(before);
    node.stop();
  }

  /** P18, P19: what was trimmed meanwhile stays trimmed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aTrimMeanwhileClipsWhatReplacesOrMakesItVoid(boolean whenAllIsRead) {
    for (long trimTo : new long[] {199, 200, 399, 400, 401, 800}) {
      world = new EngineWorld(32 * MIB);
      Node node = start();
      StreamHandle handle = node.claim(1, 1);
      rounds(node, handle, 5, 20);
      Outcome outcome = trimMeanwhile(node, handle, trimTo, whenAllIsRead);
      if (whenAllIsRead) {
        assertThat(outcome).isEqualTo(trimTo < 800 ? Outcome.DONE : Outcome.VOID);
      }
      assertThat(handle.logStartOffset()).isEqualTo(trimTo);
      assertThat(read(handle, trimTo)).isNotEmpty().allMatch(base -> base + 10 > trimTo);
      assertThat(extents(node)).allMatch(extent -> extent.endOffset() > trimTo);
      world.runFor(1, TimeUnit.MINUTES);
      assertThat(dataObjects())
          .as("trimmed to %d", trimTo)
          .containsExactlyInAnyOrderElementsOf(objects(node));
      node.stop();
    }
  }

  /** Of the first four of five uploads. */
  private Outcome trimMeanwhile(
      Node node, StreamHandle handle, long trimTo, boolean whenAllIsRead) {
    boolean[] isTime = new boolean[1];
    try (Session session = begin(node)) {
      CompletableFuture<Outcome> rewriting =
          session.rewrite(
              parts(node).subList(0, 4),
              (batch, isLast) -> {
                isTime[0] |= isLast || !whenAllIsRead;
                return EVERY_FIFTH.filter(batch, isLast);
              });
      while (!isTime[0]) {
        assertThat(world.threads.step()).isTrue();
      }
      await(handle.trim(trimTo));
      return await(rewriting);
    }
  }

  @Test
  void whoLostTheStreamReplacesNothing() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 3, 20);
    List<Part> parts = parts(node);
    try (Session session = begin(node)) {
      await(handle.close());
      List<Extent> before = extents(node);
      assertThat(await(session.rewrite(parts, EVERY_FIFTH))).isEqualTo(Outcome.VOID);
      assertThat(extents(node)).isEqualTo(before);
    }
    assertThat(node.engine().rewriter().begin(stream(1))).isEmpty();
    StreamHandle again = node.claim(1, 2);
    rewriteAll(node, EVERY_FIFTH);
    assertThat(read(again, 0)).isEqualTo(expected(600));
    node.stop();
  }

  /** Of a rewrite and a merge of the same stream one waits for the other. */
  @Test
  void mergesLeaveAloneWhatIsBeingRewritten() {
    MergeConfig often = new MergeConfig(64L * MIB, 10_000, MIB, 1 << 20, 4, 1_000, 1_000);
    Node node = world.start(config(1).withMerging(often).withCaches(0, 0, 0));
    StreamHandle handle = node.claim(1, 1);
    try (Session session = begin(node)) {
      rounds(node, handle, 8, 10);
      world.runFor(1, TimeUnit.MINUTES);
      assertThat(node.engine().stats().merges().objects()).isZero();
      assertThat(await(session.rewrite(parts(node).subList(0, 4), EVERY_FIFTH)))
          .isEqualTo(Outcome.DONE);
      assertThat(await(session.compacted(400))).isEqualTo(Outcome.DONE);
    }
    world.runFor(1, TimeUnit.MINUTES);
    assertThat(extents(node)).extracting(Extent::endOffset).containsExactly(400L, 800L);
    assertThat(node.engine().stats().merges().voidRanges()).isZero();
    node.stop();
  }

  /** Crash at any event: nothing is lost, and once the sweep was there nothing is left over. */
  @Test
  void aCrashAnywhereLosesNothingAndLeavesNothing_P19_P21() {
    int rewritten = 0;
    for (int events = 0; events < 60; events++) {
      world = new EngineWorld(32 * MIB);
      Node node = start();
      StreamHandle handle = node.claim(1, 1);
      rounds(node, handle, 3, 20);
      Session session = begin(node);
      session.rewrite(parts(node), EVERY_FIFTH).thenCompose(done -> session.compacted(600));
      for (int i = 0; i < events; i++) {
        world.threads.step();
      }
      world.crash();

      Node again = world.start(config(1).withMerging(MergeConfig.off()).withSweepInterval(1_000));
      StreamHandle after = again.claim(1, 2);
      boolean isRewritten = extents(again).size() == 1;
      rewritten += isRewritten ? 1 : 0;
      if (isRewritten) {
        assertThat(read(after, 0)).isEqualTo(expected(600));
      } else {
        again.requireReadable(after, 0, SIZE);
        assertThat(state(again).compactedEndOffset()).isZero();
      }
      for (int i = 0; i < 4; i++) { // the sweep looks as long as the catalog moves
        again.append(after, 1, SIZE);
        await(again.engine().flush());
        world.runFor(2, TimeUnit.SECONDS);
      }
      assertThat(dataObjects())
          .as("after %d events", events)
          .containsExactlyInAnyOrderElementsOf(objects(again));
      again.stop();
    }
    assertThat(rewritten).as("crashes after the command was in the log").isBetween(1, 59);
  }

  @Test
  void aRestartKnowsWhatIsCompacted() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 2, 20);
    try (Session session = begin(node)) {
      await(session.rewrite(parts(node), EVERY_FIFTH));
      await(session.compacted(400));
    }
    assertThat(node.catalog.ruleLevel()).isEqualTo(StreamCatalog.RULE_LEVEL_COMPACTION);
    node.stop();
    Node again = start();
    again.claim(1, 2);
    assertThat(again.engine().rewriter().standing(stream(1)))
        .contains(new StreamRewriter.Standing(0, 400, 400));
    again.stop();
  }

  @Test
  void whatIsCompactedIsReadFromObjectsThoughTheTailCacheHasItAll() {
    Node node = world.start(config(1).withMerging(MergeConfig.off()));
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 2, 20);
    node.append(handle, 1, SIZE);
    try (Session session = begin(node)) {
      await(session.rewrite(parts(node), EVERY_FIFTH));
      node.requireReadable(handle, 0, SIZE);
      await(session.compacted(400));
    }
    List<Long> left = expected(400);
    left.add(400L);
    assertThat(read(handle, 0)).isEqualTo(left);
    node.stop();
  }

  @Test
  void anObjectThatIsLostIsNamed() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 3, 20);
    String lost = extents(node).get(1).objectKey();
    await(world.bucket.contents().delete(lost));
    try (Session session = begin(node)) {
      assertThatThrownBy(() -> await(session.rewrite(parts(node), EVERY_FIFTH)))
          .hasCauseInstanceOf(StreamException.Corrupt.class)
          .hasMessageContaining(lost);
    }
    node.stop();
  }

  @Test
  void aDamagedSourceIsToldAndNothingReplaced() {
    Node node = start();
    StreamHandle handle = node.claim(1, 1);
    rounds(node, handle, 2, 20);
    List<Extent> before = extents(node);
    String damaged = before.get(1).objectKey();
    ObjectStore contents = world.bucket.contents();
    int size = (int) contents.head(damaged).join().orElseThrow().sizeBytes();
    ByteBuffer bytes = ByteBuffer.allocate(size);
    bytes.put(contents.getRange(damaged, 0, size).join()).flip();
    bytes.put(100, (byte) (bytes.get(100) + 1));
    contents.put(damaged, List.of(bytes)).join();
    try (Session session = begin(node)) {
      assertThatThrownBy(() -> await(session.rewrite(parts(node), EVERY_FIFTH)))
          .hasCauseInstanceOf(StreamException.Corrupt.class)
          .hasMessageContaining(damaged);
    }
    assertThat(extents(node)).isEqualTo(before);
    node.stop();
  }

  private Node start() {
    return world.start(config(1).withMerging(MergeConfig.off()).withCaches(0, 0, 0));
  }

  private Session begin(Node node) {
    return node.engine().rewriter().begin(stream(1)).orElseThrow();
  }

  private static List<Part> parts(Node node) {
    return node.engine().rewriter().parts(stream(1), 0);
  }

  private void rewriteAll(Node node, BatchFilter filter) {
    try (Session session = begin(node)) {
      assertThat(await(session.rewrite(parts(node), filter))).isEqualTo(Outcome.DONE);
    }
  }

  private <T> T await(CompletableFuture<T> future) {
    return world.await(future);
  }

  private void rounds(Node node, StreamHandle handle, int count, int batches) {
    for (int i = 0; i < count; i++) {
      node.append(handle, batches, SIZE);
      await(node.engine().flush());
    }
  }

  private static List<Long> expected(long endOffset) {
    List<Long> bases = new ArrayList<>();
    for (long base = 0; base < endOffset; base += 10) {
      if (base % 50 == 0 || base == endOffset - 10) {
        bases.add(base);
      }
    }
    return bases;
  }

  /** Base offsets of the batches from there to the end; their bytes are checked. */
  private List<Long> read(StreamHandle handle, long fromOffset) {
    List<Long> bases = new ArrayList<>();
    long offset = fromOffset;
    while (offset < handle.highWatermark()) {
      try (FetchedData data = await(handle.fetch(offset, Long.MAX_VALUE, 3 * SIZE))) {
        assertThat(data.sizeBytes()).as("at %d", offset).isPositive();
        ByteBuffer all = ByteBuffer.allocate(data.sizeBytes());
        data.buffers().forEach(buffer -> all.put(buffer.duplicate()));
        all.flip();
        while (all.hasRemaining()) {
          byte[] batch = new byte[SIZE];
          all.get(batch);
          bases.add(baseOf(batch, bases.isEmpty() ? offset - 10 : bases.get(bases.size() - 1)));
        }
        offset = data.nextOffset();
      }
    }
    return bases;
  }

  /** The first base offset above the given one whose payload this is. */
  private static long baseOf(byte[] batch, long above) {
    long base = above - Math.floorMod(above, 10L) + 10;
    while (!java.util.Arrays.equals(EngineWorld.payload(base, SIZE), batch)) {
      base += 10;
      assertThat(base).isLessThan(above + 2000);
    }
    return base;
  }

  private static List<Extent> extents(Node node) {
    return node.catalog.extents(stream(1), 0, 10_000);
  }

  private static StreamState state(Node node) {
    return node.catalog.stream(stream(1)).orElseThrow();
  }

  private static List<String> objects(Node node) {
    return node.catalog.objects().stream().map(ObjectRef::key).toList();
  }

  private List<String> dataObjects() {
    return world.bucket.contents().list("data/", "", 10_000).join().stream()
        .map(ObjectInfo::key)
        .toList();
  }
}
