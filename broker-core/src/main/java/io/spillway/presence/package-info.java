/** Whether the broker that a write-ahead log belongs to is alive: docs/decisions/0003. */
@NullMarked
package io.spillway.presence;

import org.jspecify.annotations.NullMarked;
