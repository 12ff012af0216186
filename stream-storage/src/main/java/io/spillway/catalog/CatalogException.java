package io.spillway.catalog;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** Why a catalog cannot go on, or cannot be opened. */
public sealed class CatalogException extends RuntimeException {
  @Serial private static final long serialVersionUID = 1L;

  CatalogException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }

  /** A record or checkpoint makes no sense: names it. */
  public static final class Damaged extends CatalogException {
    @Serial private static final long serialVersionUID = 1L;

    public Damaged(String message, @Nullable Throwable cause) {
      super(message, cause);
    }
  }

  /** A newer version wrote what this one does not understand: upgrade this broker. */
  public static final class TooNew extends CatalogException {
    @Serial private static final long serialVersionUID = 1L;

    public TooNew(String message) {
      super(message, null);
    }
  }

  /** There is no catalog where there has to be one: is this the right bucket? */
  public static final class Missing extends CatalogException {
    @Serial private static final long serialVersionUID = 1L;

    public Missing(String message) {
      super(message, null);
    }
  }

  /** The index is lost and what it held is read from the log again: ask again later. */
  public static final class Rebuilding extends CatalogException {
    @Serial private static final long serialVersionUID = 1L;

    public Rebuilding(String message) {
      super(message, null);
    }
  }

  /** The catalog was closed. */
  public static final class Closed extends CatalogException {
    @Serial private static final long serialVersionUID = 1L;

    public Closed(String message) {
      super(message, null);
    }
  }
}
