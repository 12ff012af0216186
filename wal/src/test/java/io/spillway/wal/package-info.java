/** What every write-ahead log must do. */
@NullMarked
package io.spillway.wal;

import org.jspecify.annotations.NullMarked;
