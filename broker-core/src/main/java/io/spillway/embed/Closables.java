package io.spillway.embed;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a half or wholly started broker has to close, in the reverse of the order it was opened. A
 * step that fails is logged, and the others still run. Not safe for several threads.
 */
final class Closables {

  private static final Logger LOG = LoggerFactory.getLogger(Closables.class);

  private record Step(String name, AutoCloseable resource) {}

  private final Deque<Step> steps = new ArrayDeque<>();

  /** Remembers the resource; returns it. */
  <T extends AutoCloseable> T add(String name, T resource) {
    steps.push(new Step(name, resource));
    return resource;
  }

  void closeAll() {
    while (!steps.isEmpty()) {
      Step step = steps.pop();
      try {
        step.resource().close();
      } catch (Exception e) {
        LOG.error("closing {} failed", step.name(), e);
      }
    }
  }
}
