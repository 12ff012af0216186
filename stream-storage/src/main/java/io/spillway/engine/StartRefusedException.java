package io.spillway.engine;

import java.io.Serial;
import java.util.UUID;

/** Why storage does not start. The message names the thing and what an operator can do. */
public sealed class StartRefusedException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  StartRefusedException(String message) {
    super(message);
  }

  /** P3: the catalog knows a WAL of this node that was not drained, and it is not the one here. */
  public static final class WalMissing extends StartRefusedException {
    @Serial private static final long serialVersionUID = 1L;

    private final UUID walId;

    public WalMissing(UUID walId, String message) {
      super(message);
      this.walId = walId;
    }

    /** The WAL that is not here. */
    public UUID walId() {
      return walId;
    }
  }

  /** P3: an operator gave this WAL up; what it holds must not come back. */
  public static final class WalAbandoned extends StartRefusedException {
    @Serial private static final long serialVersionUID = 1L;

    public WalAbandoned(String message) {
      super(message);
    }
  }

  /** The WAL is another node's, or belongs to another bucket. */
  public static final class WalForeign extends StartRefusedException {
    @Serial private static final long serialVersionUID = 1L;

    public WalForeign(String message) {
      super(message);
    }
  }

  /** The WAL lacks batches that must be in it: an old copy, or somebody changed it. */
  public static final class WalIncomplete extends StartRefusedException {
    @Serial private static final long serialVersionUID = 1L;

    private final UUID walId;

    public WalIncomplete(UUID walId, String message) {
      super(message);
      this.walId = walId;
    }

    /** The WAL that is here. */
    public UUID walId() {
      return walId;
    }
  }

  /** Another process has this node id, and was faster. */
  public static final class NodeIdInUse extends StartRefusedException {
    @Serial private static final long serialVersionUID = 1L;

    public NodeIdInUse(String message) {
      super(message);
    }
  }
}
