package io.spillway.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.spillway.object.ObjectStore;
import io.spillway.object.ObjectStores;
import io.spillway.object.s3.S3Server;
import io.spillway.objectwal.ChainInspector;
import io.spillway.objectwal.ChainObject;
import io.spillway.partition.KafkaBatchVerifier;
import io.spillway.runtime.FaultHandler;
import io.spillway.runtime.SystemClock;
import io.spillway.runtime.SystemThreads;
import io.spillway.wal.StreamId;
import io.spillway.wal.local.WalInspector;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * What the write-ahead log of a broker that is dead or stopped holds, as its next start will find
 * it. Reading it takes and changes nothing.
 */
interface WalContents {

  FaultHandler FAULTS =
      (part, cause) -> {
        throw new IllegalStateException(part, cause);
      };

  /** A batch that is durable, up to its end offset. */
  record Frame(StreamId stream, long endOffset) {}

  /** All frames, in the order in which they were written; fails when durable ones are damaged. */
  List<Frame> frames();

  /** One in a directory. */
  static WalContents inDirectory(Path directory) {
    return () -> {
      LocalFrames found = new LocalFrames(new ArrayList<>());
      WalInspector.Summary summary =
          WalInspector.inspect(directory, new KafkaBatchVerifier(), found);
      assertThat(summary.damage()).isEmpty();
      return found.frames;
    };
  }

  /** Those in a bucket: one of each life of the broker, until it is drained. */
  static WalContents inBucket(String url) {
    return () -> {
      ChainFrames found = new ChainFrames(new ArrayList<>());
      try (SystemThreads threads = new SystemThreads("wal-contents", new SystemClock(), FAULTS);
          ObjectStore store = ObjectStores.open(url, S3Server.credentials(), threads)) {
        for (UUID walId : ChainInspector.chains(store)) {
          ChainInspector.inspect(store, walId, new KafkaBatchVerifier(), found);
        }
      }
      return found.frames;
    };
  }

  /** Collects frames of a directory's log. */
  record LocalFrames(List<Frame> frames) implements WalInspector.Visitor {
    @Override
    public void onSegment(WalInspector.SegmentInfo segment) {}

    @Override
    public void onBlock(WalInspector.BlockInfo block) {}

    @Override
    public void onFrame(WalInspector.FrameInfo frame) {
      frames.add(new Frame(frame.stream(), frame.endOffset()));
    }
  }

  /** Collects frames of a bucket's logs. */
  record ChainFrames(List<Frame> frames) implements ChainInspector.Visitor {
    @Override
    public void onObject(ChainObject object) {}

    @Override
    public void onFrame(ChainInspector.FrameInfo frame) {
      frames.add(new Frame(frame.stream(), frame.endOffset()));
    }

    @Override
    public void onDamage(String what) {
      // A deletion the bucket had still to do. What is really damaged, the next start refuses.
    }
  }
}
