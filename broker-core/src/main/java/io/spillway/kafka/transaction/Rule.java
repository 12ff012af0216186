package io.spillway.kafka.transaction;

import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Decides about one transactional id; a pure function of its arguments. */
@FunctionalInterface
interface Rule {

  /**
   * @param current the newest state, or null for an id that is not known
   * @param freshId a producer id nobody has, where one was asked for
   */
  Decision decide(@Nullable Transaction current, OptionalLong freshId);
}
