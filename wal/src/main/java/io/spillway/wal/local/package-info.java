/** The WAL on a local disk: group commit into recycled segments. */
@NullMarked
package io.spillway.wal.local;

import org.jspecify.annotations.NullMarked;
