/** The formats against golden files. */
@NullMarked
package io.spillway.wal.format;

import org.jspecify.annotations.NullMarked;
