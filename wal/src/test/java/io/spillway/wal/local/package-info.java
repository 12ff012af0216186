/** The local WAL on files and on a disk that crashes. */
@NullMarked
package io.spillway.wal.local;

import org.jspecify.annotations.NullMarked;
