/** Streams over one WAL and one bucket: the composition, recovery, and each stream's life. */
@NullMarked
package io.spillway.engine;

import org.jspecify.annotations.NullMarked;
