/** The object WAL on stores in memory, under simulated threads. */
@NullMarked
package io.spillway.objectwal;

import org.jspecify.annotations.NullMarked;
