/** The write-ahead log: what is durable but not yet in objects. */
@NullMarked
package io.spillway.wal;

import org.jspecify.annotations.NullMarked;
