package io.spillway.catalog;

import io.spillway.catalog.CatalogCommand.DeleteStream;
import io.spillway.catalog.CatalogCommand.RaiseOrphanFloor;
import io.spillway.catalog.CatalogCommand.SetRuleLevel;
import io.spillway.catalog.CatalogCommand.StreamToken;
import io.spillway.catalog.StreamCatalog.Phase;
import io.spillway.catalog.StreamCatalog.Verdict;
import io.spillway.wal.StreamId;
import io.spillway.wal.WriterIncarnation;
import java.util.List;
import java.util.UUID;

/** What ends: streams (P20), objects born below a floor (P21), and what older builds know (P8). */
final class DeletionRules {

  private final CatalogState state;

  DeletionRules(CatalogState state) {
    this.state = state;
  }

  Verdict delete(DeleteStream c) {
    StreamEntry stream = state.streams.get(c.stream());
    if (stream != null && stream.phase == Phase.DELETED) {
      return state.again();
    }
    if (stream == null) {
      // Deleted before anybody claimed it: a claim that comes late must not bring it to life.
      StreamToken nobody = new StreamToken(-1, -1, -1);
      WriterIncarnation none = new WriterIncarnation(-1, new UUID(0, 0), 0);
      stream = new StreamEntry(c.stream(), Phase.DELETED, nobody, none);
      state.streams.put(c.stream(), stream);
    } else if (c.metadataOffset() < stream.metadataOffset) {
      return state.rejected(
          "stream %s is known from metadata offset %d, an image at %d does not tell (P20)"
              .formatted(c.stream(), stream.metadataOffset, c.metadataOffset()));
    }
    state.references.clear(stream);
    stream.phase = Phase.DELETED;
    stream.claimant = null;
    stream.claimantWriter = null;
    stream.checkpoint = null;
    stream.epochs = List.of();
    stream.compactedEndOffset = 0;
    stream.metadataOffset = c.metadataOffset();
    state.deletions.addLast(c.stream());
    if (state.deletions.size() > CatalogState.REMEMBERED_DELETIONS) {
      StreamId forgotten = state.deletions.removeFirst();
      state.streams.remove(forgotten);
      state.touch(forgotten);
    }
    return state.applied();
  }

  Verdict raiseOrphanFloor(RaiseOrphanFloor c) {
    if (c.floor() > state.position()) {
      return state.rejected(
          "orphan floor %d lies beyond the log's end %d".formatted(c.floor(), state.position()));
    }
    state.orphanFloor = Math.max(state.orphanFloor, c.floor());
    return state.applied();
  }

  Verdict setRuleLevel(SetRuleLevel c) {
    if (c.level() > CatalogState.MAX_RULE_LEVEL) {
      throw new CatalogException.TooNew(
          "catalog record "
              + state.position()
              + " raises the rules to level "
              + c.level()
              + ", this build knows level "
              + CatalogState.MAX_RULE_LEVEL
              + "; upgrade this broker");
    }
    if (c.level() < state.ruleLevel) {
      return state.rejected(
          "rule level %d is below level %d".formatted(c.level(), state.ruleLevel));
    }
    state.ruleLevel = c.level();
    return state.applied();
  }
}
