package io.spillway.read;

import io.spillway.format.v1.ObjectIndex.Block;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Checks blocks against their checksums, each once for each time its segments were loaded. */
final class BlockChecks {

  private final CatchUpCounters counters;

  BlockChecks(CatchUpCounters counters) {
    this.counters = counters;
  }

  /**
   * @param in the segments that the block lies in, in order
   * @throws io.spillway.stream.StreamException.Corrupt when it is not what was written
   */
  void requireIntact(Block block, List<Segment> in) {
    long loads = 0;
    for (Segment each : in) {
      loads = loads * 31 + each.loadId();
    }
    Segment first = in.get(0);
    Long known = first.intactIn(block.position());
    if (known != null && known == loads) {
      return;
    }
    long end = block.position() + block.sizeBytes();
    List<ByteBuffer> parts = new ArrayList<>(in.size());
    for (Segment each : in) {
      parts.add(each.view(block.position(), end));
    }
    counters.checkedBlocks.increment();
    block.requireIntact(parts);
    first.onIntact(block.position(), loads);
  }
}
