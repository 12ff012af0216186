/** Compaction. */
@NullMarked
package io.spillway.compaction;

import org.jspecify.annotations.NullMarked;
